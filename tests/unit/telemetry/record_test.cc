// Goal: docs/record-format.md describes the bytes as they are. Method: its tables are read and
// compared.
#include "headrace/record.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/error.h"

using headrace::Record;

namespace {

// The cells of the table rows of one section of the page, without blanks and backquotes.
std::vector<std::vector<std::string>> table_of(const std::string& section) {
  std::ifstream page("docs/record-format.md");
  REQUIRE(page.is_open());
  std::vector<std::vector<std::string>> rows;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## ")) inside = line == "## " + section;
    if (!inside || !line.starts_with("| ")) continue;
    std::vector<std::string> cells;
    std::istringstream stream(line.substr(1));
    for (std::string cell; std::getline(stream, cell, '|');) {
      std::erase_if(cell, [](char c) { return c == ' ' || c == '`'; });
      cells.push_back(cell);
    }
    if (cells.size() >= 2 && !cells[0].empty() &&
        cells[0].find_first_not_of("0123456789") == std::string::npos) {
      rows.push_back(cells);
    }
  }
  return rows;
}

#define FIELD(name)                                \
  {                                                \
    #name, {                                       \
      offsetof(Record, name), sizeof(Record::name) \
    }                                              \
  }
const std::map<std::string, std::pair<std::size_t, std::size_t>> kFields = {
    FIELD(version),
    FIELD(kind),
    FIELD(worker),
    FIELD(epoch),
    FIELD(sequence),
    FIELD(request_id),
    FIELD(wall_start_ns),
    FIELD(start_ns),
    FIELD(head_complete_ns),
    FIELD(dispatched_ns),
    FIELD(connected_ns),
    FIELD(request_sent_ns),
    FIELD(upstream_first_byte_ns),
    FIELD(first_useful_event_ns),
    FIELD(first_byte_sent_ns),
    FIELD(last_byte_ns),
    FIELD(settled_ns),
    FIELD(cost_picodollars),
    FIELD(upstream_wait_ns),
    FIELD(tokens),
    FIELD(events),
    FIELD(bytes_in),
    FIELD(bytes_out),
    FIELD(overhead_ns),
    FIELD(cancel_ns),
    FIELD(target),
    FIELD(key),
    FIELD(price_row),
    FIELD(flags),
    FIELD(route),
    FIELD(provider),
    FIELD(status),
    FIELD(upstream_status),
    FIELD(error),
    FIELD(blame),
    FIELD(attempts),
    FIELD(attempt),
    FIELD(trace_id),
    FIELD(span_id),
    FIELD(trace_flags),
    FIELD(reserved)};
#undef FIELD

}  // namespace

TEST_CASE("the fields cover all 256 bytes without a hole") {
  std::map<std::size_t, std::size_t> by_offset;
  for (const auto& [name, place] : kFields)
    CHECK(by_offset.emplace(place.first, place.second).second);
  std::size_t end = 0;
  for (const auto& [offset, size] : by_offset) {
    CHECK(offset == end);
    end = offset + size;
  }
  CHECK(end == sizeof(Record));
}

TEST_CASE("the documented offsets and sizes are the real ones") {
  const auto rows = table_of("Fields");
  CHECK(rows.size() == kFields.size());
  for (const auto& row : rows) {
    REQUIRE(row.size() >= 3);
    CAPTURE(row[2]);
    const auto field = kFields.find(row[2]);
    REQUIRE(field != kFields.end());
    CHECK(std::stoul(row[0]) == field->second.first);
    CHECK(std::stoul(row[1]) == field->second.second);
  }
}

TEST_CASE("the documented offsets and sizes of a text slot are the real ones") {
  using headrace::TextRecord;
#define TEXT_FIELD(name)                                   \
  {                                                        \
    #name, {                                               \
      offsetof(TextRecord, name), sizeof(TextRecord::name) \
    }                                                      \
  }
  const std::map<std::string, std::pair<std::size_t, std::size_t>> fields = {
      TEXT_FIELD(attempt),
      TEXT_FIELD(model_bytes),
      TEXT_FIELD(provider_id_bytes),
      TEXT_FIELD(reserved),
      TEXT_FIELD(text)};
#undef TEXT_FIELD
  const auto rows = table_of("Text slots");
  CHECK(rows.size() == fields.size());
  for (const auto& row : rows) {
    CAPTURE(row[2]);
    REQUIRE(fields.contains(row[2]));
    CHECK(std::stoul(row[0]) == fields.at(row[2]).first);
    CHECK(std::stoul(row[1]) == fields.at(row[2]).second);
  }
}

TEST_CASE("the documented error codes are the real ones") {
  using headrace::base::Errc;
  const auto rows = table_of("Error codes");
  CHECK(rows.size() == static_cast<std::size_t>(headrace::base::kLastErrc) + 1);
  for (const auto& row : rows) {
    CAPTURE(row[1]);
    CHECK(headrace::base::name_of(static_cast<Errc>(std::stoul(row[0]))) == row[1]);
  }
}

TEST_CASE("a fresh record says that nothing is known") {
  const Record record;
  CHECK(record.version == headrace::kRecordVersion);
  CHECK(record.settled_ns == headrace::kNoStamp);
  CHECK(record.cost_picodollars == headrace::kNoCost);
  CHECK(record.target == headrace::kNoId);
  CHECK(record.route == headrace::kNoShortId);
  CHECK(record.overhead_ns == headrace::kNoDuration);
  for (const auto tokens : record.tokens) CHECK(tokens == headrace::kNoTokens);
  for (const auto byte : record.reserved) CHECK(byte == 0);
}
