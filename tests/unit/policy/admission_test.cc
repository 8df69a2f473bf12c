// Goal: who may ask is decided in one order, and every refusal has its own code. Method: snapshots
// of each mode of access against heads and models.
#include "policy/admission.h"

#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace headrace::policy {
namespace {

using base::Errc;

const std::string kGood = "hr-0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";
constexpr Nanos kNow = 5 * base::kSecond;

config::Snapshot one_key(config::Access access = config::Access::automatic) {
  config::Snapshot snapshot;
  snapshot.access = access;
  snapshot.key_secret = "secret";
  config::ClientKey key;
  key.name = "team";
  key.hash = to_hex(KeyHash("secret")(kGood));
  key.models = {"gpt-*"};
  key.requests_per_minute = 10;
  key.tokens_per_minute = 100;
  key.concurrency = 4;
  snapshot.keys.push_back(key);
  return snapshot;
}

struct Sender {
  std::string text;
  http::Fields fields;
  const net::PeerCertificate* certificate = nullptr;

  Sender() = default;
  explicit Sender(const std::string& key, const std::string& name = "x-api-key") { add(name, key); }
  void add(const std::string& name, const std::string& value) {
    http::FieldSpan span;
    span.name_begin = static_cast<std::uint16_t>(text.size());
    span.name_size = static_cast<std::uint16_t>(name.size());
    text += name;
    span.value_begin = static_cast<std::uint16_t>(text.size());
    span.value_size = static_cast<std::uint16_t>(value.size());
    text += value;
    fields.add(span);
  }
  base::Result<Caller> identified(const Admission& admission) const {
    return admission.identify(fields, text, certificate, 0);
  }
};

Errc refusal_of(const base::Result<Caller>& result) {
  return result.ok() ? Errc::ok : result.error().code;
}

TEST_CASE("without keys everybody is admitted, whatever key they send along") {
  LimitRegistry registry;
  const Admission admission(config::Snapshot{}, registry);
  for (const Sender& sender : {Sender(), Sender("sk-anything"), Sender("", "api-key")}) {
    auto caller = sender.identified(admission);
    REQUIRE(caller.ok());
    CHECK(caller->key == nullptr);
    CHECK(caller->brought.empty());
    Refusal refusal;
    CHECK(Admission::admit(*caller, "any", 1u << 30, kNow, refusal).ok());
  }
}

TEST_CASE("with keys, no key and a bad key are refused in one way") {
  LimitRegistry registry;
  const Admission admission(one_key(), registry);
  Sender two(kGood);
  two.add("api-key", kGood + "x");
  for (const Sender& sender : {Sender(),
                               Sender("short"),
                               Sender(kGood + "x"),
                               Sender("sk-their-own-key-0123456789"),
                               two}) {
    CHECK(sender.identified(admission).error() == base::client_error(Errc::invalid_key));
  }
  CHECK(refusal_of(Sender(kGood).identified(admission)) == Errc::ok);
}

TEST_CASE(
    "a client may bring its own key where that is allowed, but not one that looks like ours") {
  LimitRegistry registry;
  const Admission admission(one_key(config::Access::bring), registry);
  const std::string own = "sk-proj.their own/key";
  const Sender bringing(own);
  auto caller = bringing.identified(admission);
  REQUIRE(caller.ok());
  CHECK(caller->key == nullptr);
  CHECK(caller->brought == own);
  const Sender ours(kGood);
  auto known = ours.identified(admission);
  REQUIRE(known.ok());
  CHECK(known->key != nullptr);
  CHECK(known->brought.empty());
  CHECK(refusal_of(Sender(kGood + "x").identified(admission)) == Errc::invalid_key);
  CHECK(refusal_of(Sender().identified(admission)) == Errc::invalid_key);
}

TEST_CASE("the model comes before the limits, and each limit has its own code") {
  LimitRegistry registry;
  const Admission admission(one_key(), registry);
  const Sender sender(kGood);
  auto caller = sender.identified(admission);
  REQUIRE(caller.ok());
  Refusal refusal;
  CHECK(Admission::admit(*caller, "claude", 1, kNow, refusal).error() ==
        base::client_error(Errc::model_not_allowed));
  CHECK(registry.of("team").requests.look(10, kNow).remaining == 10);
  CHECK_FALSE(Admission::may_use(*caller, "claude"));
  CHECK(Admission::may_use(*caller, "gpt-5"));

  CHECK(Admission::admit(*caller, "gpt-5", 101, kNow, refusal).error().code ==
        Errc::tokens_limited);
  std::vector<Ticket> tickets;
  for (int i = 0; i < 4; ++i) {
    auto ticket = Admission::admit(*caller, "gpt-5", 1, kNow, refusal);
    REQUIRE(ticket.ok());
    tickets.push_back(std::move(*ticket));
  }
  CHECK(Admission::admit(*caller, "gpt-5", 1, kNow, refusal).error().code ==
        Errc::concurrency_limited);
  tickets.clear();
  for (int i = 0; i < 6; ++i) REQUIRE(Admission::admit(*caller, "gpt-5", 1, kNow, refusal).ok());
  CHECK(Admission::admit(*caller, "gpt-5", 1, kNow, refusal).error().code ==
        Errc::requests_limited);
}

TEST_CASE("a new snapshot goes on counting where the old one was") {
  LimitRegistry registry;
  config::Snapshot snapshot = one_key();
  const Sender sender(kGood);
  Refusal refusal;
  auto before = std::make_unique<Admission>(snapshot, registry);
  auto old_caller = sender.identified(*before);
  REQUIRE(old_caller.ok());
  auto ticket = Admission::admit(*old_caller, "gpt-5", 60, kNow, refusal);
  REQUIRE(ticket.ok());
  snapshot.keys[0].concurrency = 1;
  const Admission after(snapshot, registry);
  auto caller = sender.identified(after);
  REQUIRE(caller.ok());
  CHECK(Admission::admit(*caller, "gpt-5", 1, kNow, refusal).error().code ==
        Errc::concurrency_limited);
  before.reset();
  ticket->settle(50, kNow);  // the ticket does not need the snapshot it came from
  CHECK(Admission::admit(*caller, "gpt-5", 51, kNow, refusal).error().code == Errc::tokens_limited);
  CHECK(Admission::admit(*caller, "gpt-5", 50, kNow, refusal).ok());
}

TEST_CASE("workers share a key's limits exactly, through a table each of them reads") {
  for (const int workers : {1, 2, 4}) {
    LimitRegistry registry;
    config::Snapshot snapshot = one_key();
    snapshot.keys[0].requests_per_minute = 500;
    snapshot.keys[0].tokens_per_minute = 1'000'000;
    const Admission admission(snapshot, registry);
    std::atomic<int> admitted{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < workers; ++i) {
      threads.emplace_back([&] {
        const Sender sender(kGood);
        Refusal refusal;
        for (int n = 0; n < 2000 / workers; ++n) {
          auto caller = sender.identified(admission);
          auto ticket = Admission::admit(caller.value(), "gpt-5", 10, kNow, refusal);
          if (!ticket.ok()) continue;
          ++admitted;
          ticket->settle(20, kNow);
        }
      });
    }
    for (auto& thread : threads) thread.join();
    const KeyLimits& limits = registry.of("team");
    CHECK(admitted == 500);
    CHECK(limits.running.running() == 0);
    CHECK(limits.tokens.look(1'000'000, kNow).remaining == 1'000'000 - 500 * 20);
  }
}

// -- certificates

config::Snapshot with_certificates() {
  config::Snapshot snapshot = one_key();
  snapshot.keys[0].certificates = {"dns:team.test"};
  config::ClientKey other;
  other.name = "other";
  other.certificates = {"sha256:ff", "uri:spiffe://lab/other"};
  snapshot.keys.push_back(other);
  return snapshot;
}

TEST_CASE("a certificate stands for its key where the head shows none") {
  LimitRegistry registry;
  const Admission admission(with_certificates(), registry);
  const auto who = [&](Sender sender, const net::PeerCertificate& certificate) {
    sender.certificate = &certificate;
    base::Result<Caller> caller = sender.identified(admission);
    return caller.ok() ? caller.value().key->name : std::string("refused");
  };
  CHECK(who({}, {"sha256:aa", {"dns:team.test"}}) == "team");
  CHECK(who({}, {"sha256:aa", {"uri:spiffe://lab/other", "dns:unknown.test"}}) == "other");
  CHECK(who({}, {"sha256:ff", {"dns:team.test"}}) == "other");  // the whole one is the surest
  CHECK(who({}, {"sha256:aa", {"dns:unknown.test"}}) == "refused");
  CHECK(who({}, {"sha256:aa", {}}) == "refused");
  CHECK(who({}, {"sha256:aa", {"dns:team.test", "uri:spiffe://lab/other"}}) == "refused");
  // What SDKs send for an empty key is none.
  CHECK(who(Sender("Bearer", "authorization"), {"sha256:ff", {}}) == "other");
  CHECK(who(Sender("", "x-api-key"), {"sha256:ff", {}}) == "other");
}

TEST_CASE("a key in the head counts for itself, and must not be another's than the certificate") {
  LimitRegistry registry;
  const Admission admission(with_certificates(), registry);
  const net::PeerCertificate team{"sha256:aa", {"dns:team.test"}};
  const net::PeerCertificate other{"sha256:ff", {}};
  const net::PeerCertificate unknown{"sha256:bb", {}};
  const auto refusal = [&](const std::string& key, const net::PeerCertificate& certificate) {
    Sender sender(key);
    sender.certificate = &certificate;
    return refusal_of(sender.identified(admission));
  };
  CHECK(refusal(kGood, team) == Errc::ok);
  CHECK(refusal(kGood, unknown) == Errc::ok);
  CHECK(refusal(kGood, other) == Errc::invalid_key);
  CHECK(refusal("hr-unknown-0123456789", team) == Errc::invalid_key);
  Sender basic("Basic dXNlcjpwYXNz", "authorization");
  basic.certificate = &team;
  CHECK(refusal_of(basic.identified(admission)) == Errc::invalid_key);
}

TEST_CASE("a key that is over or off is no better for a certificate") {
  LimitRegistry registry;
  config::Snapshot snapshot = with_certificates();
  snapshot.keys[0].disabled = true;
  snapshot.keys[1].expires = -1;
  const Admission admission(snapshot, registry);
  for (const net::PeerCertificate& each : {net::PeerCertificate{"sha256:aa", {"dns:team.test"}},
                                           net::PeerCertificate{"sha256:ff", {}}}) {
    Sender sender;
    sender.certificate = &each;
    CHECK(refusal_of(sender.identified(admission)) == Errc::invalid_key);
  }
}

TEST_CASE("a request is estimated by its bytes and its longest answer") {
  CHECK(estimate_tokens(0, 0) == 1 + 1024);
  CHECK(estimate_tokens(400, 50) == 151);
  CHECK(estimate_tokens(0, UINT64_MAX) == 1 + (1u << 24));
}

}  // namespace
}  // namespace headrace::policy
