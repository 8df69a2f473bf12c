// The one table of every key of the configuration: its name, type, bounds, help and the field it
// fills. The reader, the environment overrides, "did you mean", `config print` and
// docs/configuration.md all come from it, so a new key is one new row. Defaults are those of
// snapshot.h, read through the same rows.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "config/snapshot.h"

namespace headrace::config {

enum class Kind : std::uint8_t {
  boolean,
  integer,
  duration,
  size,
  mode,
  text,
  model,    // a model name, or a pattern with `*`
  choice,   // one of Key::words
  address,  // of a listening socket
  base_url,
  proxy,  // the URL of a forward proxy, or a word
  secret,
  provider,          // the name of a configured provider
  instant,           // a date, or a date and time of UTC
  key_hash,          // what is stored of a client's key
  section,           // a map with keys of its own
  listens,           // "address", or a list of addresses and maps
  tls_certificates,  // a list of maps
  providers,         // a map from name to provider
  routes,            // a list of maps
  targets,           // a list of provider names and maps
  credentials,       // a list of secrets and maps
  keys,              // a map from name to key
  models,            // a list of models
  labels,            // a map from name to text
  certificates,      // a list of names of clients' certificates
};

// The objects that a section's keys fill. Only those of the section at hand are set.
struct Place {
  Snapshot* snapshot = nullptr;
  Listen* listen = nullptr;
  Provider* provider = nullptr;
  Route* route = nullptr;
  Target* target = nullptr;
  std::string* target_provider =
      nullptr;  // a target names its provider; the snapshot holds the index
  Credential* credential = nullptr;
  ClientKey* key = nullptr;
  TlsCertificate* certificate = nullptr;
};

using Slot = std::variant<bool*,
                          std::uint32_t*,
                          std::size_t*,
                          Nanos*,
                          std::string*,
                          Backend*,
                          Busy*,
                          Pin*,
                          HalfClose*,
                          Access*,
                          HttpVersion*,
                          OnDisconnect*,
                          ListenHttp*>;

struct Key {
  std::string_view name;
  Kind kind;
  Slot (*slot)(Place&) = nullptr;  // null: a kind with structure, see the reader
  std::int64_t least = 0;          // integer, duration, size
  std::int64_t most = 0;
  std::string_view
      words{};  // choice: "auto|io_uring|epoll"; integer, address: a word for 0 or nothing
  std::string_view help{};
  bool required = false;
};

struct Section {
  std::string_view path;  // "", "io", "listen[]", "providers.NAME", "routes[]",
                          // "routes[].targets[]", "keys.NAME"
  std::span<const Key> keys;
  std::string_view help;

  const Key* find(std::string_view name) const;
};

std::span<const Section> sections();

// REQUIRES: the path is one of sections().
const Section& section(std::string_view path);

// Words of a choice, in the order of the enumeration they stand for.
std::size_t count_words(std::string_view words);
std::string_view word_at(std::string_view words, std::size_t index);
std::string list_words(std::string_view words);  // "auto, io_uring, epoll"

// The value in a slot as it would be written in the file; a secret that is not empty as "***".
std::string show(const Key& key, const Slot& slot);

// `; did you mean "io_uring"?` when a candidate is close enough to be a misspelling, else nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> candidates);

// "providers.mock.base_url" -> "HEADRACE_PROVIDERS_MOCK_BASE_URL".
std::string variable_name(std::string_view path);

}  // namespace headrace::config
