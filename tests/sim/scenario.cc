#include "scenario.h"

#include <algorithm>
#include <array>

#include "policy/keys.h"
#include "sim_provider.h"

namespace headrace::sim {
namespace {

using base::kMicrosecond;
using base::kMillisecond;
using base::kSecond;
using base::Nanos;
using base::Prng;

Nanos between(Prng& dice, Nanos low, Nanos high) {
  return static_cast<Nanos>(
      dice.between(static_cast<std::uint64_t>(low), static_cast<std::uint64_t>(high)));
}

// How much traffic a seed may make: what is rough stays small, or a run would take minutes.
struct Scale {
  std::uint64_t clients, requests, body, answer, events;
};

Scale choose_scale(Prng& dice) {
  const std::uint64_t which = dice.below(20);
  if (which == 0) return {4, 3, 200'000, 1'000'000, 12};
  if (which < 4) return {8, 4, 60'000, 100'000, 12};
  if (which < 12) return {12, 8, 3'000, 3'000, 30};
  return {12, 6, 1'000, 800, 30};
}

void choose_faults(Prng& dice, Scenario& scenario, const Scale& scale) {
  SimFaults& faults = scenario.faults;
  const std::uint64_t kind = dice.below(10);
  if (kind < 2) return;  // a perfect network: the scripts alone misbehave
  faults = kind < 8 ? SimFaults::bumpy() : SimFaults::rough();
  const double strength = dice.unit() * 2;
  for (double* chance : {&faults.slow_delivery,
                         &faults.split_delivery,
                         &faults.short_receive,
                         &faults.short_send,
                         &faults.late_completion,
                         &faults.lazy_sent,
                         &faults.overshoot,
                         &faults.no_buffer,
                         &faults.reset,
                         &faults.accept_no_files,
                         &faults.connect_no_files}) {
    *chance = std::min(1.0, *chance * strength);
  }
  if (scale.answer > 10'000 || scale.body > 10'000) faults.one_byte_socket = 0;
  faults.window_min = dice.between(1024, 16 * 1024);
  faults.window_max = faults.window_min + dice.below(128 * 1024);
  faults.late_turns = dice.between(1, 10);
}

void choose_pools(Prng& dice, Scenario& scenario, const Scale& scale) {
  if (dice.chance(0.4)) return;
  const auto small = [&](io::ReceivePoolOptions& pool) {
    const bool tiny = scale.answer < 10'000 && scale.body < 10'000 && dice.chance(0.4);
    pool.buffer_bytes = tiny ? dice.between(64, 300) : dice.between(512, 4096);
    pool.initial = dice.between(2, 8);
    pool.cap = pool.initial + dice.below(dice.chance(0.5) ? 1 : 40);
  };
  small(scenario.client_pool);
  small(scenario.upstream_pool);
}

// What exists, whatever a configuration makes of it.
void choose_providers(Prng& dice, Scenario& scenario) {
  const std::uint64_t providers = dice.between(1, 4);
  const double foreign = dice.chance(0.5) ? 0.0 : dice.unit();
  const double h2 = dice.chance(0.6) ? 0.0 : 0.3 + dice.unit();
  scenario.routes = dice.between(1, 3);
  for (std::size_t i = 0; i < providers; ++i) {
    ProviderPlan plan;
    plan.index = i;
    if (dice.chance(foreign)) plan.family = api::Family::anthropic;
    plan.takes_client_key = dice.chance(0.5);
    if (dice.chance(0.1)) plan.idle_limit = between(dice, 20 * kMillisecond, 5 * kSecond);
    plan.h2 = dice.chance(h2);
    if (dice.chance(plan.h2 ? 0.3 : 0.1))
      plan.warm_min = static_cast<std::uint32_t>(dice.between(1, 2));
    const std::uint64_t credentials = dice.chance(0.5) ? 1 : dice.between(2, 3);
    for (std::uint64_t k = 0; k < credentials; ++k)
      plan.credentials.push_back(static_cast<std::uint32_t>(dice.between(1, 5)));
    for (std::size_t k = 0; k < scenario.routes; ++k)
      plan.models.push_back(dice.chance(0.3) ? "up-" + std::to_string(k) : "");
    scenario.providers.push_back(plan);
  }
}

// With dice of its own, so that the other seeds stay what they were.
void choose_drains(Scenario& scenario) {
  Prng dice(scenario.seed * 7 + 5);
  const double drains = dice.chance(0.5) ? 0.0 : 0.3 + dice.unit();
  for (ProviderPlan& plan : scenario.providers) plan.drains = dice.chance(drains);
}

// Some of the providers in some order, by priority or by place; or one alone.
void choose_targets(Prng& dice, const Scenario& scenario, std::size_t index, config::Route& route) {
  const std::size_t all = scenario.providers.size();
  const std::uint64_t first = dice.below(all);
  const std::uint64_t count = dice.chance(0.3) ? 1 : dice.between(1, all);
  const bool tiers = dice.chance(0.5);
  for (std::uint64_t i = 0; i < count; ++i) {
    const ProviderPlan& plan = scenario.providers[(first + i) % all];
    config::Target target;
    target.name = "p" + std::to_string(plan.index);
    target.provider = plan.index;
    target.model = plan.models[index];
    if (tiers) target.priority = static_cast<std::uint32_t>(dice.between(1, 2));
    target.weight = static_cast<std::uint32_t>(dice.between(1, 4));
    route.targets.push_back(target);
  }
  route.attempts =
      dice.chance(0.5) ? base::limits::kAttempts : static_cast<std::uint32_t>(dice.between(1, 6));
}

// The last two are never good.
void choose_keys(Prng& dice, Scenario& scenario) {
  if (dice.chance(0.5)) return;
  scenario.access = dice.chance(0.7) ? config::Access::keys : config::Access::bring;
  const std::uint64_t count = dice.between(1, 3);
  for (std::uint64_t i = 0; i < count + 2; ++i) {
    KeyPlan key;
    key.name = "k" + std::to_string(i);
    key.key = "hr-client-key-number-" + std::to_string(i);
    if (dice.chance(0.5)) key.requests = static_cast<std::uint32_t>(dice.between(1, 12));
    if (dice.chance(0.4)) key.tokens = static_cast<std::uint32_t>(dice.between(500, 20'000));
    if (dice.chance(0.5)) key.concurrency = static_cast<std::uint32_t>(dice.between(1, 3));
    if (dice.chance(0.2)) key.only_route = dice.below(scenario.routes);
    key.disabled = i == count;
    key.expired = i == count + 1;
    scenario.keys.push_back(std::move(key));
  }
}

void put_keys(const Scenario& scenario, config::Snapshot& snapshot) {
  constexpr std::int64_t kLongAgo = 1'700'000'000;
  snapshot.access = scenario.access;
  snapshot.key_secret = "the secret of the simulation";
  const policy::KeyHash hash(snapshot.key_secret);
  for (const KeyPlan& plan : scenario.keys) {
    config::ClientKey key;
    key.name = plan.name;
    key.hash = policy::to_hex(hash(plan.key));
    if (plan.only_route != SIZE_MAX) key.models.push_back("m" + std::to_string(plan.only_route));
    key.requests_per_minute = plan.requests;
    key.tokens_per_minute = plan.tokens;
    key.concurrency = plan.concurrency;
    key.disabled = plan.disabled;
    if (plan.expired) key.expires = kLongAgo;
    snapshot.keys.push_back(std::move(key));
  }
}

config::Snapshot make_snapshot(Prng& dice, const Scenario& scenario, std::uint64_t epoch) {
  config::Snapshot snapshot;
  snapshot.epoch = epoch;
  for (const ProviderPlan& plan : scenario.providers)
    snapshot.providers.push_back(make_provider(plan));
  for (std::size_t i = 0; i < scenario.routes; ++i) {
    config::Route route;
    route.model = "m" + std::to_string(i);
    choose_targets(dice, scenario, i, route);
    if (dice.chance(0.5)) route.connect_timeout = between(dice, 50 * kMillisecond, 2 * kSecond);
    if (dice.chance(0.3))
      route.first_token_timeout = between(dice, 100 * kMillisecond, 3 * kSecond);
    if (dice.chance(0.6)) route.idle_timeout = between(dice, 200 * kMillisecond, 5 * kSecond);
    if (dice.chance(0.4)) route.total_timeout = between(dice, 500 * kMillisecond, 20 * kSecond);
    snapshot.routes.push_back(route);
  }
  put_keys(scenario, snapshot);
  config::Limits& limits = snapshot.limits;
  limits.body_bytes = 1u << 20;
  if (dice.chance(0.5)) limits.head_timeout = between(dice, 500 * kMillisecond, 5 * kSecond);
  if (dice.chance(0.5)) limits.body_grace = between(dice, 500 * kMillisecond, 3 * kSecond);
  if (dice.chance(0.5)) limits.write_stall_timeout = between(dice, 500 * kMillisecond, 5 * kSecond);
  if (dice.chance(0.8)) limits.keep_alive_timeout = between(dice, 500 * kMillisecond, 20 * kSecond);
  return snapshot;
}

void choose_manners(Prng& dice, ClientPlan& plan) {
  plan.start_after = between(dice, 0, 300 * kMillisecond);
  plan.pipelined = dice.chance(0.25);
  const std::uint64_t reading = dice.below(20);
  if (reading < 2) {
    plan.reading = ClientPlan::Reading::slow;
    plan.read_bytes = dice.between(50, 4000);
    plan.read_every = between(dice, 100 * kMicrosecond, 20 * kMillisecond);
  } else if (reading < 4) {
    plan.reading = ClientPlan::Reading::stalls;
    plan.stall_after = dice.below(3000);
    plan.stall_for = between(dice, 10 * kMillisecond, 120 * kSecond);
  }
  const std::uint64_t leaving = dice.below(20);
  if (leaving < 4) {
    plan.leaving = dice.chance(0.5) ? ClientPlan::Leaving::fin : ClientPlan::Leaving::reset;
    if (dice.chance(0.5)) {
      plan.leave_after_sent = 1 + dice.below(dice.chance(0.5) ? 300 : 5000);
    } else {
      plan.leave_after_received = 1 + dice.below(dice.chance(0.5) ? 600 : 6000);
    }
  } else if (leaving == 4) {
    plan.leaving = ClientPlan::Leaving::half_close;
    plan.pipelined = dice.chance(0.7);
  } else if (leaving < 8) {
    plan.leaving = ClientPlan::Leaving::waits;
  }
}

// The connection is read; what a stream gives is window, or none.
void choose_streams(Prng& dice, ClientPlan& plan) {
  if (plan.leaving == ClientPlan::Leaving::half_close) plan.leaving = ClientPlan::Leaving::at_end;
  if (plan.reading == ClientPlan::Reading::stalls) plan.reading = ClientPlan::Reading::normal;
  if (dice.chance(0.5)) plan.window = static_cast<std::uint32_t>(dice.between(200, 3000));
  const double spread = dice.chance(0.5) ? 1.0 : 50.0;
  for (std::size_t i = 0; i < plan.requests.size(); ++i) {
    ClientPlan::Stream stream;
    stream.start_after = static_cast<Nanos>(dice.unit() * spread * kMillisecond);
    const std::uint64_t reading = dice.below(10);
    if (reading < 2) {
      stream.reading = ClientPlan::Reading::stalls;
      stream.give_after = between(dice, 10 * kMillisecond, 60 * kSecond);
    } else if (reading < 4) {
      stream.reading = ClientPlan::Reading::slow;
      stream.give_after = between(dice, 100 * kMicrosecond, 20 * kMillisecond);
    }
    if (dice.chance(0.15)) stream.cancel_after = dice.below(dice.chance(0.5) ? 10 : 3000);
    if (dice.chance(0.1)) stream.head_piece = 1 + dice.below(60);
    plan.streams.push_back(stream);
  }
}

void choose_clients(Prng& dice, Scenario& scenario, const Scale& scale) {
  RequestOptions options;
  options.routes = scenario.routes;
  options.access = scenario.access;
  options.keys = scenario.keys;
  options.stranger = dice.chance(0.5) ? 0.05 : 0.3;
  options.anthropic = dice.chance(0.5) ? 0.0 : dice.unit();
  options.bad = dice.chance(0.5) ? 0.25 : 0.05;
  options.fault = dice.chance(0.3) ? 0.0 : 0.1 + dice.unit() * 0.5;
  options.body_max = scale.body;
  options.answer_max = scale.answer;
  options.events_max = scale.events;
  // Some seeds go on for longer than a minute, for what is counted by the minute.
  const double h2 = dice.chance(0.6) ? 0.0 : 0.3 + dice.unit();
  const bool long_run = !scenario.keys.empty() && dice.chance(0.15);
  const std::uint64_t clients = dice.between(1, scale.clients);
  for (std::uint64_t i = 0; i < clients; ++i) {
    ClientPlan plan;
    plan.worker = dice.below(scenario.workers);
    choose_manners(dice, plan);
    if (long_run) plan.start_after = between(dice, 0, 150 * kSecond);
    plan.h2 = options.h2 = dice.chance(h2);
    const std::uint64_t requests = dice.between(1, scale.requests);
    for (std::uint64_t k = 0; k < requests; ++k) {
      ++options.id;
      plan.requests.push_back(make_request(dice, options));
    }
    if (plan.h2) choose_streams(dice, plan);
    scenario.clients.push_back(std::move(plan));
  }
}

void choose_interference(Prng& dice, Scenario& scenario) {
  for (std::size_t i = 0; i < scenario.providers.size(); ++i) {
    if (!dice.chance(0.12)) continue;
    const Nanos from = between(dice, 0, 200 * kMillisecond);
    scenario.away.push_back(
        {i, dice.chance(0.6), from, from + between(dice, kMillisecond, 500 * kMillisecond)});
  }
  const std::uint64_t reloads = dice.chance(0.3) ? dice.between(1, 4) : 0;
  for (std::uint64_t i = 0; i < reloads; ++i) {
    scenario.snapshots.push_back(make_snapshot(dice, scenario, i + 2));
    scenario.reload_at.push_back(between(dice, 0, 500 * kMillisecond));
  }
  std::sort(scenario.reload_at.begin(), scenario.reload_at.end());
  if (dice.chance(0.2)) scenario.drain_at = between(dice, 1, 500 * kMillisecond);
  scenario.end_after = between(dice, 0, dice.chance(0.5) ? 100 * kMillisecond : 30 * kSecond);
  scenario.stop_after = between(dice, 0, dice.chance(0.5) ? 10 * kMillisecond : 3 * kSecond);
}

}  // namespace

config::Provider make_provider(const ProviderPlan& plan) {
  const std::size_t index = plan.index;
  config::Provider provider;
  provider.name = "p" + std::to_string(index);
  provider.scheme = "http";
  provider.host = provider.authority = Provider::authority_of(index);
  provider.base_url = "http://" + provider.host + "/v1";
  provider.base_path = "/v1";
  provider.api_key = Provider::key_of(index, 0);
  for (std::size_t i = 0; i < plan.credentials.size(); ++i) {
    provider.credentials.push_back(
        {"c" + std::to_string(i), Provider::key_of(index, i), plan.credentials[i]});
  }
  provider.is_private = true;
  provider.warm_min = plan.warm_min;
  provider.drains = plan.drains;
  if (plan.h2) provider.http = config::HttpVersion::h2c;
  provider.dialect = plan.family == api::Family::openai ? "openai" : "anthropic";
  provider.takes_client_key = plan.takes_client_key;
  provider.addresses.push_back(Provider::address_of(index));
  return provider;
}

Scenario make_scenario(std::uint64_t seed) {
  Prng dice(seed * 2 + 1);
  Scenario scenario;
  scenario.seed = seed;
  constexpr std::array<std::size_t, 6> kWorkers = {1, 1, 1, 2, 2, 4};
  scenario.workers = kWorkers[dice.below(kWorkers.size())];
  const Scale scale = choose_scale(dice);
  choose_faults(dice, scenario, scale);
  choose_pools(dice, scenario, scale);
  if (dice.chance(0.15)) scenario.clients_max = dice.between(1, 4);
  if (dice.chance(0.1)) scenario.upstreams_max = dice.between(1, 3);
  if (dice.chance(0.3)) scenario.idle_per_origin = dice.between(1, 2);
  if (dice.chance(0.4)) scenario.half_close = config::HalfClose::ignore;
  choose_providers(dice, scenario);
  choose_drains(scenario);
  choose_keys(dice, scenario);
  scenario.snapshots.push_back(make_snapshot(dice, scenario, 1));
  choose_clients(dice, scenario, scale);
  choose_interference(dice, scenario);
  return scenario;
}

namespace {

std::string describe_route(const config::Route& route) {
  const auto ms = [](Nanos time) { return std::to_string(time / kMillisecond); };
  std::string text = "  route " + route.model + ": " + std::to_string(route.attempts) +
                     " attempts, connect " + ms(route.connect_timeout) + " first " +
                     ms(route.first_token_timeout) + " idle " + ms(route.idle_timeout) + " total " +
                     ms(route.total_timeout) + " ms;";
  for (const config::Target& target : route.targets) {
    text += " " + target.name + "/" + target.model + " priority " +
            std::to_string(target.priority) + " weight " + std::to_string(target.weight);
  }
  return text + "\n";
}

}  // namespace

std::string Scenario::describe() const {
  std::string text =
      "seed " + std::to_string(seed) + ": " + std::to_string(workers) + " workers, " +
      std::to_string(clients.size()) + " clients, " + std::to_string(providers.size()) +
      " providers, " + std::to_string(snapshots.size()) + " snapshots" +
      (drain_at != 0 ? ", drains in mid-run" : "") + ", reset " + std::to_string(faults.reset) +
      ", buffers " + std::to_string(client_pool.cap) + " x " +
      std::to_string(client_pool.buffer_bytes) + " / " + std::to_string(upstream_pool.cap) + " x " +
      std::to_string(upstream_pool.buffer_bytes) + "\n";
  for (const ProviderPlan& provider : providers) {
    text += "  provider " + std::to_string(provider.index) +
            (provider.family == api::Family::openai ? ": openai, " : ": anthropic, ") +
            (provider.h2 ? "HTTP/2, " : "") + (provider.drains ? "drained, " : "") +
            std::to_string(provider.credentials.size()) + " credentials\n";
  }
  for (const KeyPlan& key : keys) {
    text += "  key " + key.name + ": " + std::to_string(key.requests) + " requests, " +
            std::to_string(key.tokens) + " tokens, " + std::to_string(key.concurrency) +
            " at a time\n";
  }
  for (const config::Snapshot& snapshot : snapshots) {
    for (const config::Route& route : snapshot.routes) text += describe_route(route);
  }
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const ClientPlan& client = clients[i];
    text += "  client " + std::to_string(i) + ": reading " +
            std::to_string(static_cast<int>(client.reading)) + ", leaving " +
            std::to_string(static_cast<int>(client.leaving)) +
            (client.pipelined ? ", pipelined" : "") +
            (client.h2 ? ", HTTP/2 with windows of " + std::to_string(client.window) : "") + "\n";
    for (const RequestPlan& request : client.requests) {
      text += "    request " + std::to_string(request.id) + ": kind " +
              std::to_string(static_cast<int>(request.kind)) + ", " +
              std::to_string(request.wire.size()) + " B, expects " + std::to_string(request.status);
      if (request.kind == RequestPlan::Kind::chat) {
        text += std::string(", ") + (request.stream ? "stream" : "plain") + " of " + request.name +
                (request.family == api::Family::openai ? "" : " for anthropic") + ", auth " +
                std::to_string(static_cast<int>(request.auth)) + " " + std::to_string(request.key);
      }
      text += "\n";
    }
  }
  return text;
}

}  // namespace headrace::sim
