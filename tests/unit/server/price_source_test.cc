// Goal: the table is the one that was asked for, or the refusal says why not, and what has not
// changed is shared. Method: files of a few rows.
#include "server/price_source.h"

#include <doctest/doctest.h>

#include <string>

#include "base/limits.h"
#include "scratch_dir.h"

namespace headrace::server {
namespace {

std::string prices(const std::string& input) {
  return R"({"format": "headrace-prices/1", "as_of": "2026-01-01", "models": [
      {"provider": "lab", "model": "m", "input": )" +
         input + R"(, "output": 2}]})";
}

struct Place {
  Place() { snapshot.prices = scratch.file("prices.json"); }
  void write(const std::string& text) const { headrace_test::write_text(snapshot.prices, text); }
  std::shared_ptr<const meter::PriceTable> load() { return source.load(snapshot, fault); }

  headrace_test::ScratchDir scratch;
  config::Snapshot snapshot;
  PriceSource source;
  std::string fault;
};

}  // namespace

TEST_CASE("without a file the built-in prices hold, the same table at every load") {
  Place place;
  place.snapshot.prices.clear();
  const auto table = place.load();
  REQUIRE_MESSAGE(table != nullptr, place.fault);
  CHECK(table->find("openai", "gpt-4o").found());
  CHECK(place.load() == table);
}

TEST_CASE("a table is shared for as long as its file says the same") {
  Place place;
  place.write(prices("1"));
  const auto first = place.load();
  REQUIRE_MESSAGE(first != nullptr, place.fault);
  CHECK(first->find("lab", "m").found());
  CHECK(place.load() == first);
  place.write(prices("3"));
  const auto second = place.load();
  REQUIRE(second != nullptr);
  CHECK(second != first);
  place.snapshot.prices.clear();
  const auto built_in = place.load();
  REQUIRE(built_in != nullptr);
  CHECK_FALSE(built_in->has_provider("lab"));
  place.snapshot.prices = place.scratch.file("prices.json");
  REQUIRE(place.load() != nullptr);
  CHECK(place.load()->has_provider("lab"));
}

TEST_CASE("a faulty file is refused with what is wrong in it, and the good one is kept") {
  Place place;
  place.write(prices("1"));
  const auto good = place.load();
  place.write(prices("\"dear\""));
  CHECK(place.load() == nullptr);
  CHECK_MESSAGE(place.fault.starts_with("prices: " + place.snapshot.prices + ": models[0]"),
                place.fault);
  place.write("{");
  CHECK(place.load() == nullptr);
  CHECK(place.fault.find("no JSON object") != std::string::npos);
  place.write(prices("1"));
  CHECK(place.load() == good);
  CHECK(place.fault.empty());
}

TEST_CASE("a file that is none, or too large, is refused without reading it") {
  Place place;
  CHECK(place.load() == nullptr);
  CHECK(place.fault.find("cannot be read: No such file") != std::string::npos);
  place.write(std::string(base::limits::kPriceFileBytes + 1, ' '));
  CHECK(place.load() == nullptr);
  CHECK(place.fault.find("is larger than") != std::string::npos);
  for (const std::string& path : {place.scratch.path(), std::string("/dev/zero")}) {
    place.snapshot.prices = path;
    CHECK(place.load() == nullptr);
    CHECK(place.fault == "prices: " + path + ": is no plain file");
  }
}

TEST_CASE("a provider may charge like one that the table has, and like no other") {
  Place place;
  place.write(prices("1"));
  config::Provider& provider = place.snapshot.providers.emplace_back();
  provider.name = "p";
  for (const char* known : {"", "lab", "none"}) {
    provider.price_as = known;
    CHECK(place.load() != nullptr);
  }
  provider.price_as = "lap";
  CHECK(place.load() == nullptr);
  CHECK(place.fault == "providers.p.price_as: the price table has no provider \"lap\"");
}

}  // namespace headrace::server
