// Records of requests as a worker would leave them, for tests of what becomes of them; and a sink
// that keeps what it gets.
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/entry_json.h"
#include "exporter/sink.h"
#include "headrace/record.h"
#include "telemetry/text_slot.h"

namespace headrace::exporter_test {

inline Record request(std::uint64_t number) {
  Record record;
  record.epoch = 1;
  std::memcpy(record.request_id + 8, &number, sizeof number);
  record.route = 0;
  record.status = 200;
  record.attempts = 1;
  record.wall_start_ns = 1'795'180'000'123'456'789;
  record.settled_ns = 1'000'000;
  return record;
}

inline Record attempt(std::uint64_t number, std::uint8_t which = 0) {
  Record record = request(number);
  record.kind = RecordKind::attempt;
  record.attempts = 0;
  record.attempt = which;
  record.target = 0;
  record.upstream_status = 200;
  return record;
}

// In the ring's form, with its place in the worker's count.
inline Record numbered(Record record, std::uint64_t sequence) {
  record.sequence = sequence;
  return record;
}

inline std::size_t count_of(std::string_view text, std::string_view what) {
  std::size_t count = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string_view::npos; at += what.size())
    ++count;
  return count;
}

struct KeptLines {
  std::vector<std::string> written;
  std::vector<std::string> flushed;
  bool works = true;
  std::size_t most = SIZE_MAX;
  std::size_t discarded = 0;
};

// Its lines outlive it, because the exporter owns it.
class KeepingSink : public headrace::exporter::Sink {
 public:
  explicit KeepingSink(KeptLines& kept) : kept_(kept) {}
  void write(const headrace::exporter::Entry& entry) override {
    kept_.written.push_back(headrace::exporter::line_of(entry));
  }
  bool flush() override {
    if (!kept_.works && !kept_.written.empty()) return false;
    for (std::string& line : kept_.written) kept_.flushed.push_back(std::move(line));
    kept_.written.clear();
    return true;
  }
  bool full() const override { return kept_.written.size() >= kept_.most; }
  void discard() override {
    kept_.discarded += kept_.written.size();
    kept_.written.clear();
  }
  void render(headrace::exporter::Exposition&) const override {}

 private:
  KeptLines& kept_;
};

}  // namespace headrace::exporter_test
