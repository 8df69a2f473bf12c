// Goal: whatever clients of HTTP/2 do together, each request that came whole is answered once,
// rightly or not at all, and leaves one record; nothing stays behind. Method: seeds draw clients
// that ask, cancel, close their windows, make noise and leave, providers that answer in pieces or
// break off, and a network that splits and delays; frames are made and read by hand.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "base/prng.h"
#include "h2_talk.h"

namespace headrace::test {
namespace {

using base::kMillisecond;

struct Asked {
  std::uint32_t stream = 0;
  bool streamed = false;
  bool cancelled = false;
};

std::string name_of(std::size_t request) {
  return "r" + std::to_string(request) + ".";
}

// What the provider says to a request, whole.
std::string answer_to(std::size_t request, bool streamed) {
  const std::string name = name_of(request);
  const std::string longer = std::string(request % 7 == 0 ? 9000 : request % 40, 'x');
  if (!streamed) return "{\"choices\":[],\"id\":\"" + name + longer + "\"}";
  std::string events = kRoleEvent;
  for (std::size_t i = 0; i <= request % 5; ++i) events += delta(name + longer);
  return events + kFinishEvent + kDoneEvent;
}

class Storm {
 public:
  explicit Storm(std::uint64_t seed) : dice_(seed) {
    sim::SimFaults& faults = scene_.net.faults();
    faults.delay_max = 300 * base::kMicrosecond;
    if (chance(50)) faults.split_delivery = 0.3;
    if (chance(50)) faults.short_receive = 0.3;
    if (chance(50)) faults.short_send = 0.3;
    if (chance(30)) faults.late_completion = 0.1;
    if (chance(30)) faults.reorder = 0.3;
  }

  void run() {
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint32_t window = chance(30) ? 0 : chance(50) ? 100 : 65'535;
      clients_.push_back({&scene_.ask(h2_hello({{4, window}})), {}, 1, false});
    }
    for (int step = 0; step < 120; ++step) {
      Client& client = clients_[dice_.below(clients_.size())];
      if (!client.left) act(client);
      scene_.run_for(static_cast<base::Nanos>(dice_.below(4)) * kMillisecond);
      serve();
      collect();
    }
    finish();
    judge();
  }

 private:
  struct Client {
    Talker* talker = nullptr;
    std::map<std::size_t, Asked> asked;
    std::uint32_t next = 1;
    bool left = false;
  };

  bool chance(unsigned percent) { return dice_.below(100) < percent; }

  void act(Client& client) {
    Talker& talker = *client.talker;
    switch (dice_.below(12)) {
      case 0:
        return talker.send(h2::ping() + (chance(30) ? h2::settings() : ""));
      case 1:
        return talker.send(h2::frame(0xee, 0, 0, "what nobody knows"));
      case 2:
      case 3:
        for (const auto& [request, asked] : client.asked) {
          talker.send(h2::window(asked.stream, 1 + static_cast<std::uint32_t>(dice_.below(9000))));
        }
        return talker.send(h2::window(0, 20'000));
      case 4:
        return cancel(client);
      case 5:
        if (!chance(8)) return;
        client.left = true;
        return chance(50) ? talker.close() : talker.reset();
      default:
        return ask(client);
    }
  }

  void ask(Client& client) {
    const std::size_t request = requests_++;
    const bool streamed = chance(60);
    const std::string body = R"({"model":"m","user":")" + name_of(request) +
                             (streamed ? R"(","stream":true})" : R"("})");
    client.asked[request] = {client.next, streamed, false};
    const std::string head =
        h2::headers(client.next, h2_head("POST", "/v1/chat/completions"), false);
    const std::size_t cut = dice_.below(body.size());
    client.talker->send(head + h2::data(client.next, body.substr(0, cut), false));
    client.talker->send(h2::data(client.next, body.substr(cut), true));
    client.next += 2;
  }

  void cancel(Client& client) {
    if (client.asked.empty()) return;
    auto it = client.asked.begin();
    std::advance(it, static_cast<std::ptrdiff_t>(dice_.below(client.asked.size())));
    it->second.cancelled = true;
    client.talker->send(h2::reset(it->second.stream, 8));
  }

  // Every request that a provider has heard whole is answered, in pieces, perhaps not to its end.
  void serve() {
    for (std::size_t i = 0; i < scene_.provider.count(); ++i) {  // more may come meanwhile
      Talker& guest = scene_.provider[i];
      std::string& heard = heard_[&guest];
      heard += guest.fresh();
      for (;;) {
        const std::size_t begin = heard.find("\"user\":\"r");
        const std::size_t end = begin == std::string::npos ? begin : heard.find('}', begin);
        if (end == std::string::npos) break;
        const std::size_t request = std::stoul(heard.substr(begin + 9));
        const bool streamed = heard.substr(begin, end - begin).find("stream") != std::string::npos;
        heard.erase(0, end + 1);
        CHECK_MESSAGE(!served_[request], "asked twice: " << request);
        served_[request] = true;
        if (!guest.finished()) answer(guest, request, streamed);
      }
    }
  }

  void answer(Talker& guest, std::size_t request, bool streamed) {
    const std::string text = answer_to(request, streamed);
    std::string wire = streamed ? kStreamHead + chunk(text) + kLastChunk : plain_answer(text);
    const bool breaks = chance(7);
    if (breaks) broken_[request] = true;
    if (breaks) wire.resize(wire.size() / 2);
    guest.send(wire.substr(0, wire.size() / 3));
    scene_.run_for(static_cast<base::Nanos>(dice_.below(3)) * kMillisecond);
    guest.send(wire.substr(wire.size() / 3));
    if (breaks) guest.close();
  }

  // Everybody who is still there opens all windows and waits.
  void finish() {
    for (Client& client : clients_) {
      if (client.left) continue;
      client.talker->send(h2::settings({{4, 10'000'000}}) + h2::window(0, 50'000'000));
    }
    for (int i = 0; i < 50; ++i) {
      scene_.run_for(20 * kMillisecond);
      serve();
      collect();
    }
    for (Client& client : clients_) {
      if (!client.left) CHECK(goaway_of(*client.talker) == -1);
      if (!client.left) client.talker->close();
    }
    CHECK(scene_.run_until([this] { return scene_.worker->clients() == 0; }));
    collect();
  }

  void collect() {
    for (const Record& record : scene_.records()) {
      records_ += record.kind == RecordKind::request ? 1 : 0;
    }
  }

  void judge() {
    std::size_t least = 0;
    for (const Client& client : clients_) {
      for (const auto& [request, asked] : client.asked) {
        CAPTURE(request);
        const H2Heard heard = heard_on(*client.talker, asked.stream);
        const std::string whole = answer_to(request, asked.streamed);
        const bool excused = client.left || asked.cancelled;
        if (!excused) ++least;
        if (!excused) CHECK((heard.ended || heard.reset != -1));
        if (broken_[request]) {
          if (heard.ended) CHECK(heard.payload.find("\"error\"") != std::string::npos);
        } else if (heard.ended) {
          CHECK(heard.payload == whole);
        } else {
          if (!excused) CHECK(heard.reset != -1);
          CHECK(whole.starts_with(heard.payload));
        }
      }
    }
    CHECK(records_ >= least);
    CHECK(records_ <= requests_);
    CHECK(scene_.tally().requests == records_);
    CHECK(scene_.worker->shop().h2_requests.in_use() == 0);
    CHECK(scene_.worker->shop().exchanges.in_use() == 0);
  }

  base::Prng dice_;
  GatewayScene scene_;
  std::vector<Client> clients_;
  std::map<const Talker*, std::string> heard_;
  std::map<std::size_t, bool> served_;
  std::map<std::size_t, bool> broken_;
  std::size_t requests_ = 0;
  std::size_t records_ = 0;
};

}  // namespace

TEST_CASE("a storm of HTTP/2 clients is answered once each, and leaves nothing behind") {
  const char* wished = std::getenv("HEADRACE_STORM_SEEDS");
  const std::uint64_t seeds = wished == nullptr ? 60 : std::strtoull(wished, nullptr, 10);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    CAPTURE(seed);
    Storm(seed).run();
  }
}

}  // namespace headrace::test
