// Goal: a configuration is live only with its prices and with its names in the dictionary; epochs
// count on over restarts; nothing changes when one must not go live. Method: books over journals in
// a directory of the test's own.
#include "server/rulebook.h"

#include <doctest/doctest.h>

#include <sys/resource.h>

#include <csignal>
#include <string>

#include "config/load.h"
#include "scratch_dir.h"

namespace headrace::server {
namespace {

config::Snapshot serving(const std::string& more = {}) {
  auto outcome = config::load_text(
      "providers: {openai: {base_url: 'http://127.0.0.1:9/v1'}, lab: {base_url: "
      "'http://127.0.0.1:8'}}\nroutes: [{model: m, targets: [openai]}]\n" +
          more,
      {});
  REQUIRE_MESSAGE(outcome.ok(), config::format_faults(outcome));
  return std::move(*outcome.snapshot);
}

struct Place {
  Place() { snapshot.state_dir = scratch.file("state"); }
  void open() {
    book.reset();
    journal.reset();
    journal = exporter::Journal::open(snapshot, 1, fault, 64);
    REQUIRE_MESSAGE(journal != nullptr, fault);
    book = std::make_unique<Rulebook>(*journal);
  }
  std::string dictionary() const {
    return headrace_test::read_text(scratch.file("state/dictionary"));
  }

  headrace_test::ScratchDir scratch;
  config::Snapshot snapshot;
  std::string fault;
  std::unique_ptr<exporter::Journal> journal;
  std::unique_ptr<Rulebook> book;
};

}  // namespace

TEST_CASE("what goes live has prices, addresses, an epoch and its names on file") {
  Place place;
  place.open();
  const proxy::Rules* rules = place.book->add(serving(), place.fault);
  REQUIRE_MESSAGE(rules != nullptr, place.fault);
  CHECK(rules == &place.book->current());
  CHECK(rules->epoch() == 1);
  CHECK(rules->snapshot.providers[0].addresses.size() == 1);
  const meter::Price price = rules->price_of(0, 0, "gpt-4o");
  REQUIRE(price.found());
  CHECK(place.book->dictionary().prices.at(price.row) == "openai/gpt-4o");
  CHECK(place.dictionary().find("\"openai/gpt-4o\"") != std::string::npos);
  CHECK(place.dictionary().find("\"routes\":[\"m\"]") != std::string::npos);
}

TEST_CASE("epochs count on over a restart, and prices are shared over reloads") {
  Place place;
  place.open();
  const proxy::Rules* first = place.book->add(serving(), place.fault);
  const proxy::Rules* second = place.book->add(serving(), place.fault);
  REQUIRE(first != nullptr);
  REQUIRE(second != nullptr);
  CHECK(second->epoch() == 2);
  CHECK(first->shared_prices() == second->shared_prices());
  CHECK(place.book->size() == 2);
  place.book->prune(2);
  CHECK(place.book->size() == 1);
  place.book->prune(99);
  CHECK(place.book->snapshot().epoch == 2);  // the current one stays
  place.open();
  CHECK(place.book->add(serving(), place.fault)->epoch() == 3);
}

TEST_CASE("a faulty price table leaves the configuration as it was") {
  Place place;
  place.open();
  REQUIRE(place.book->add(serving(), place.fault) != nullptr);
  CHECK(place.book->add(serving("prices: /no/such.json\n"), place.fault) == nullptr);
  CHECK(place.fault.starts_with("prices: /no/such.json: cannot be read"));
  CHECK(place.book->size() == 1);
  CHECK(place.book->snapshot().epoch == 1);
}

TEST_CASE(
    "a dictionary that cannot be written is a warning, or a refusal where the audit is required") {
  Place place;
  place.open();
  config::Snapshot required = serving("audit: {path: a, required: true}\n");
  REQUIRE(place.book->add(required, place.fault) != nullptr);
  // No more bytes for this process's files: what a full disk would say.
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const rlimit none{1, old.rlim_max};
  struct sigaction ignored{};
  struct sigaction before{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &ignored, &before);
  ::setrlimit(RLIMIT_FSIZE, &none);
  const proxy::Rules* refused = place.book->add(required, place.fault);
  std::string said;
  const proxy::Rules* taken = place.book->add(serving(), said);
  ::setrlimit(RLIMIT_FSIZE, &old);
  ::sigaction(SIGXFSZ, &before, nullptr);
  CHECK(refused == nullptr);
  CHECK(place.fault.starts_with("audit.required: the dictionary"));
  CHECK(taken != nullptr);
  CHECK(said.empty());
  CHECK(place.book->size() == 2);
}

TEST_CASE("addresses written as numbers are never looked up again") {
  Place place;
  place.open();
  REQUIRE(place.book->add(serving(), place.fault) != nullptr);
  CHECK_FALSE(place.book->has_names());
  CHECK(place.book->add_refreshed(place.fault) == nullptr);
  CHECK(place.fault.empty());
  CHECK(place.book->size() == 1);
}

}  // namespace headrace::server
