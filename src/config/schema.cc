#include "config/schema.h"

#include <algorithm>
#include <type_traits>
#include <vector>

#include "base/assert.h"
#include "base/bytes.h"
#include "config/schema_key.h"
#include "config/schema_listen.h"
#include "config/schema_provider.h"
#include "config/schema_route.h"
#include "config/units.h"

namespace headrace::config {
namespace {

constexpr std::int64_t kMillisecond = base::kMillisecond;
constexpr std::int64_t kSecond = base::kSecond;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kKibibyte = 1024;
constexpr std::int64_t kGibibyte = std::int64_t{1} << 30;

constexpr Key kRootKeys[] = {
    {.name = "listen",
     .kind = Kind::listens,
     .help = "Where clients connect: one address, or a list of addresses and of maps (see "
             "`listen[]`)."},
    {.name = "admin",
     .kind = Kind::address,
     .slot = [](Place& at) -> Slot { return &at.snapshot->admin; },
     .words = "off",
     .help =
         "Where `/livez`, `/readyz` and `/metrics` are served. Loopback or a Unix socket only."},
    {.name = "workers",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.snapshot->workers; },
     .least = 1,
     .most = 256,
     .words = "auto",
     .help = "Worker threads. `auto`: as many CPUs as affinity and cgroup quota really give."},
    {.name = "busy",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.snapshot->busy; },
     .words = "auto|always|off",
     .help = "Whether a worker polls instead of sleeping. `auto` decides from the traffic and is "
             "off under "
             "a CPU quota; `always` wants a CPU of its own for each worker."},
    {.name = "pin",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.snapshot->pin; },
     .words = "auto|true|false",
     .help =
         "Whether each worker stays on one CPU. `auto`: only with a CPU for each and no quota."},
    {.name = "drain_timeout",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.snapshot->drain_timeout; },
     .least = 0,
     .most = kHour,
     .help = "How long running answers may take after SIGTERM before they are ended with an error "
             "event."},
    {.name = "drain_delay",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.snapshot->drain_delay; },
     .least = 0,
     .most = 10 * kMinute,
     .help = "How long to go on accepting after SIGTERM while `/readyz` already says 503, for load "
             "balancers that are slow to notice."},
    {.name = "io", .kind = Kind::section, .help = "The kernel interface (see `io`)."},
    {.name = "limits", .kind = Kind::section, .help = "Bounds towards clients (see `limits`)."},
    {.name = "state_dir",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.snapshot->state_dir; },
     .help = "A directory on tmpfs for the record rings, which outlive a crash there. One process "
             "at a time. Empty: `/dev/shm/headrace-UID`."},
    {.name = "log_requests",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.snapshot->log_requests; },
     .help = "Whether each request leaves a JSON line on standard output."},
    {.name = "prices",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.snapshot->prices; },
     .help = "A price table in the form of `config/prices.json`. Empty: the one that was built "
             "in."},
    {.name = "audit", .kind = Kind::section, .help = "The audit file (see `audit`)."},
    {.name = "access",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.snapshot->access; },
     .words = "auto|open|keys|bring",
     .help = "Who may ask. `keys`: holders of a key from `keys`; `open`: whoever can connect "
             "(`auto` means that on loopback and Unix sockets only); `bring`: those too who bring "
             "a key of their own for "
             "the provider with `client_key`; `auto`: `keys` where there are keys, else `open`."},
    {.name = "key_secret",
     .kind = Kind::secret,
     .slot = [](Place& at) -> Slot { return &at.snapshot->key_secret; },
     .help = "The secret under which keys are hashed, the same for as long as the hashes are to be "
             "good. `headrace key new` proposes one."},
    {.name = "keys",
     .kind = Kind::keys,
     .help = "Who may ask for what: a map from a name to a key (see `keys.NAME`)."},
    {.name = "providers",
     .kind = Kind::providers,
     .help = "Where answers come from: a map from a name to a provider (see `providers.NAME`).",
     .required = true},
    {.name = "routes",
     .kind = Kind::routes,
     .help = "Which models are served, and by whom: a list (see `routes[]`).",
     .required = true},
};

constexpr Key kIoKeys[] = {
    {.name = "backend",
     .kind = Kind::choice,
     .slot = [](Place& at) -> Slot { return &at.snapshot->io.backend; },
     .words = "auto|io_uring|epoll",
     .help = "`auto` takes io_uring where the kernel and its seccomp filter allow it, else epoll."},
    {.name = "tiny",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.snapshot->io.tiny; },
     .help = "For tests: 8 ring entries, 2 buffers of 64 bytes, pools of 1."},
    {.name = "compat",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.snapshot->io.compat; },
     .words = "6.1",
     .help = "For tests: use no kernel feature newer than this version."},
};

constexpr Key kLimitsKeys[] = {
    {.name = "body",
     .kind = Kind::size,
     .slot = [](Place& at) -> Slot { return &at.snapshot->limits.body_bytes; },
     .least = kKibibyte,
     .most = kGibibyte,
     .help = "Largest request body; above it the answer is 413."},
    {.name = "client_connections",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.snapshot->limits.client_connections; },
     .least = 1,
     .most = 1'000'000,
     .help = "Client connections of one worker; above it the answer is 503."},
    {.name = "head_timeout",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.snapshot->limits.head_timeout; },
     .least = 10 * kMillisecond,
     .most = 10 * kMinute,
     .help = "From the first byte of a request head to its last."},
    {.name = "body_grace",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.snapshot->limits.body_grace; },
     .least = 0,
     .most = 10 * kMinute,
     .help = "How long a request body may arrive slower than 1000 bytes a second."},
    {.name = "write_stall_timeout",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.snapshot->limits.write_stall_timeout; },
     .least = 10 * kMillisecond,
     .most = kHour,
     .help = "How long a client may read nothing of its answer before it is cut."},
    {.name = "keep_alive_timeout",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.snapshot->limits.keep_alive_timeout; },
     .least = 10 * kMillisecond,
     .most = 24 * kHour,
     .help = "How long a client connection may stay idle between requests."},
};

constexpr Key kAuditKeys[] = {
    {.name = "path",
     .kind = Kind::text,
     .slot = [](Place& at) -> Slot { return &at.snapshot->audit.path; },
     .help = "The file that gets a JSON line for each request, refused ones too. Empty: none."},
    {.name = "rotate_bytes",
     .kind = Kind::size,
     .slot = [](Place& at) -> Slot { return &at.snapshot->audit.rotate_bytes; },
     .least = 64 * kKibibyte,
     .most = 64 * kGibibyte,
     .help = "A file that has grown to this is renamed `PATH.1`, older ones move up."},
    {.name = "rotate_age",
     .kind = Kind::duration,
     .slot = [](Place& at) -> Slot { return &at.snapshot->audit.rotate_age; },
     .least = 0,
     .most = 366 * 24 * kHour,
     .help = "A file that was begun this long ago, likewise; `0s`: by size only."},
    {.name = "keep",
     .kind = Kind::integer,
     .slot = [](Place& at) -> Slot { return &at.snapshot->audit.keep; },
     .least = 1,
     .most = 10'000,
     .words = "all",
     .help = "How many rotated files are kept."},
    {.name = "required",
     .kind = Kind::boolean,
     .slot = [](Place& at) -> Slot { return &at.snapshot->audit.required; },
     .help = "Whether requests are refused rather than a record lost, and the start as well when "
             "the rings cannot outlive a crash."},
};

constexpr Section kSections[] = {
    {"", kRootKeys, "Top level."},
    {"listen[]", kListenKeys, "A place to listen, when an address alone does not say enough."},
    {"listen[].tls_certificates[]",
     kTlsCertificateKeys,
     "A certificate that this listener shows. Clients that name no host, or one that no "
     "certificate bears, are shown the first."},
    {"io", kIoKeys, "The kernel interface."},
    {"limits",
     kLimitsKeys,
     "Bounds towards clients. Reaching one ends that request or connection only."},
    {"audit", kAuditKeys, "What is written about each request, for good."},
    {"providers.NAME",
     kProviderKeys,
     "A provider. The name is 1 to 63 of `a-z A-Z 0-9 . _ -`, begins with a letter or digit, and "
     "appears "
     "in metrics."},
    {"providers.NAME.api_keys[]",
     kCredentialKeys,
     "One of several keys for a provider. A plain secret is short for `{api_key: secret}`."},
    {"routes[]", kRouteKeys, "A route."},
    {"routes[].targets[]", kTargetKeys, "A target. A plain name is short for `{provider: name}`."},
    {"keys.NAME",
     kClientKeyKeys,
     "A key for clients. The name follows the rules of providers' names. Limits are exact over all "
     "workers and survive a reload."},
};

// Edits (insert, delete, replace, swap of neighbours) between two short words.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::vector<std::size_t>> cost(from.size() + 1,
                                             std::vector<std::size_t>(to.size() + 1));
  for (std::size_t i = 0; i <= from.size(); ++i) {
    for (std::size_t j = 0; j <= to.size(); ++j) {
      if (i == 0 || j == 0) {
        cost[i][j] = i + j;
        continue;
      }
      const bool same = base::lower(from[i - 1]) == base::lower(to[j - 1]);
      cost[i][j] =
          std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, cost[i - 1][j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[from.size()][to.size()];
}

// What stands before the `@`, if anything does, is for the proxy alone.
std::string show_proxy(const std::string& url) {
  const std::size_t at = url.rfind('@');
  const std::size_t scheme = url.find("://");
  if (at == std::string::npos) return url;
  const std::size_t begin = scheme == std::string::npos || scheme > at ? 0 : scheme + 3;
  return url.substr(0, begin) + "***:***" + url.substr(at);
}

std::string show_text(const Key& key, const std::string& text) {
  if (key.kind == Kind::proxy) return show_proxy(text);
  if (key.kind == Kind::secret) return text.empty() ? "" : "***";
  if (key.kind == Kind::address && text.empty()) return std::string(key.words);
  return text;
}

template <typename Number>
std::string show_number(const Key& key, Number value) {
  if (key.kind == Kind::duration) return format_duration(static_cast<Nanos>(value));
  if (key.kind == Kind::size) return format_size(static_cast<std::uint64_t>(value));
  if (key.kind == Kind::instant && value != 0)
    return format_instant(static_cast<std::int64_t>(value));
  if (key.kind == Kind::mode) return format_mode(static_cast<std::uint32_t>(value));
  if (value == 0 && !key.words.empty()) return std::string(key.words);
  return std::to_string(value);
}

}  // namespace

const Key* Section::find(std::string_view name) const {
  for (const auto& key : keys) {
    if (key.name == name) return &key;
  }
  return nullptr;
}

std::span<const Section> sections() {
  return kSections;
}

const Section& section(std::string_view path) {
  const auto* found = std::find_if(std::begin(kSections),
                                   std::end(kSections),
                                   [&](const Section& each) { return each.path == path; });
  HEADRACE_ASSERT(found != std::end(kSections));
  return *found;
}

std::size_t count_words(std::string_view words) {
  if (words.empty()) return 0;
  return 1 + static_cast<std::size_t>(std::count(words.begin(), words.end(), '|'));
}

std::string_view word_at(std::string_view words, std::size_t index) {
  HEADRACE_ASSERT(index < count_words(words));
  for (; index > 0; --index) words.remove_prefix(words.find('|') + 1);
  return words.substr(0, words.find('|'));
}

std::string list_words(std::string_view words) {
  std::string list;
  for (const char c : words) list += c == '|' ? std::string(", ") : std::string(1, c);
  return list;
}

std::string show(const Key& key, const Slot& slot) {
  return std::visit(
      [&](auto* value) -> std::string {
        using Value = std::remove_pointer_t<decltype(value)>;
        if constexpr (std::is_same_v<Value, std::string>) {
          return show_text(key, *value);
        } else if constexpr (std::is_same_v<Value, bool>) {
          return *value ? "true" : "false";
        } else if constexpr (std::is_enum_v<Value>) {
          return std::string(word_at(key.words, static_cast<std::size_t>(*value)));
        } else {
          return show_number(key, *value);
        }
      },
      slot);
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates) {
  constexpr std::size_t kLongest = 64;  // no key is longer, and the cost is the square of it
  if (word.size() > kLongest) return {};
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string_view found;
  for (const auto candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const std::size_t edits = distance(word, candidate);
    if (edits < best && edits < candidate.size()) {
      best = edits;
      found = candidate;
    }
  }
  for (const auto candidate : candidates) {
    if (found.empty() && word.size() > 2 && candidate.find(word) != std::string_view::npos)
      found = candidate;
  }
  return found.empty() ? std::string() : "; did you mean \"" + std::string(found) + "\"?";
}

std::string variable_name(std::string_view path) {
  std::string name = "HEADRACE_";
  for (const char c : path) {
    const char lowered = base::lower(c);
    if (lowered >= 'a' && lowered <= 'z') {
      name += static_cast<char>(lowered - 'a' + 'A');
    } else {
      name += base::is_digit(c) ? c : '_';
    }
  }
  return name;
}

}  // namespace headrace::config
