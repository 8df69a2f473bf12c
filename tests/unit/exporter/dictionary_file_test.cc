// Goal: names written before a crash are read after it, and epochs never repeat. Method: files
// written, torn and opened again; the parser on strange lines.
#include "exporter/dictionary_file.h"

#include <doctest/doctest.h>

#include "scratch_dir.h"

using namespace headrace;
using namespace headrace::exporter;

namespace {

const Dictionary kRich{.epoch = 7,
                       .routes = {"gpt-*", "a \"quoted\"\nname", "ünï"},
                       .targets = {"openai/a"},
                       .providers = {"openai"},
                       .keys = {"alice"},
                       .prices = {"openai/gpt-5.1", ""}};

struct Place {
  headrace_test::ScratchDir scratch;
  std::string fault;
  std::optional<telemetry::StateDir> dir =
      telemetry::StateDir::open(scratch.path(), fault, {.patience = 0});
  std::string path = scratch.file("dictionary");

  DictionaryFile open() {
    auto file = DictionaryFile::open(*dir, fault);
    REQUIRE_MESSAGE(file.has_value(), fault);
    return std::move(*file);
  }
};

}  // namespace

TEST_CASE("a dictionary survives its line") {
  const std::string line = DictionaryFile::line_of(kRich);
  CHECK(line.back() == '\n');
  const auto again = DictionaryFile::parse(line);
  REQUIRE(again.has_value());
  CHECK(*again == kRich);
  std::string long_name(5000, 'x');
  const Dictionary large{.epoch = 1, .routes = {long_name}, .targets = {}, .providers = {}};
  CHECK(DictionaryFile::parse(DictionaryFile::line_of(large)) == large);
}

TEST_CASE("strange lines are no dictionary") {
  for (const char* line : {"",
                           "{}",
                           "[]",
                           R"({"epoch": "7"})",
                           R"({"epoch": 4294967296})",
                           R"({"epoch": 1, "routes": 5})",
                           R"({"epoch": 1, "routes": [5]})",
                           R"({"epoch": 1, "routes": ["\ud800"]})",
                           R"({"epoch": 1)"}) {
    CAPTURE(line);
    CHECK_FALSE(DictionaryFile::parse(line).has_value());
  }
}

TEST_CASE("the next process knows the names of the one before, and counts epochs on") {
  Place place;
  {
    DictionaryFile file = place.open();
    CHECK(file.next_epoch() == 1);
    CHECK(file.known().empty());
    REQUIRE(file.append(kRich).ok());
    CHECK(file.next_epoch() == 8);
  }
  // Killed while it wrote another.
  headrace_test::write_text(place.path,
                            headrace_test::read_text(place.path) + R"({"epoch": 9, "ro)");
  {
    DictionaryFile file = place.open();
    REQUIRE(file.known().find(7) != nullptr);
    CHECK(*file.known().find(7) == kRich);
    CHECK(file.known().find(9) == nullptr);
    CHECK(file.next_epoch() == 8);
    REQUIRE(file.append({.epoch = 8, .routes = {"b"}, .targets = {}, .providers = {}}).ok());
  }
  DictionaryFile file = place.open();
  CHECK(file.known().find(8)->routes == std::vector<std::string>{"b"});
  CHECK(file.known().find(7) != nullptr);
}

TEST_CASE("a file begun anew has forgotten names, but not how far epochs have counted") {
  Place place;
  {
    DictionaryFile file = place.open();
    REQUIRE(file.append(kRich).ok());
    REQUIRE(file.restart().ok());
  }
  DictionaryFile file = place.open();
  CHECK(file.next_epoch() == 8);
  REQUIRE(file.known().find(7) != nullptr);
  CHECK(file.known().find(7)->routes.empty());
}
