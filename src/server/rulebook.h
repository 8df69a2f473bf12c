// Rulebook: the configurations that are live, oldest first, from a snapshot to everything that is
// built from it before it goes live: prices, names' addresses, an epoch, the entry in the
// dictionary. The last one is current; older ones stay as long as a worker may look at them.
// Control's thread; blocks (files, names).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "config/snapshot.h"
#include "exporter/dictionary.h"
#include "exporter/journal.h"
#include "proxy/rules.h"
#include "server/price_source.h"

namespace headrace::server {

class Rulebook {
 public:
  // The journal outlives it.
  explicit Rulebook(exporter::Journal& journal);
  Rulebook(const Rulebook&) = delete;
  Rulebook& operator=(const Rulebook&) = delete;

  // What a snapshot makes current from now on. Null when it must not go live, and then `fault` says
  // why and nothing has changed.
  const proxy::Rules* add(config::Snapshot snapshot, std::string& fault);
  // The same with the addresses that its names have now; a name that is not found keeps what it
  // had. Null as well when no address has changed.
  const proxy::Rules* add_refreshed(std::string& fault);
  // Forgets what is older than `epoch`.
  void prune(std::uint64_t epoch);

  const proxy::Rules& current() const { return *rules_.back(); }
  const config::Snapshot& snapshot() const { return current().snapshot; }
  std::size_t size() const { return rules_.size(); }
  // A provider's address is a name, which may move.
  bool has_names() const;
  // Names for the ids in records of the current configuration.
  exporter::Dictionary dictionary() const { return dictionary_of(current()); }

 private:
  const proxy::Rules* go_live(config::Snapshot snapshot,
                              std::shared_ptr<const meter::PriceTable> prices,
                              std::string& fault);
  static exporter::Dictionary dictionary_of(const proxy::Rules& rules);

  exporter::Journal& journal_;
  PriceSource prices_;
  proxy::Registries registries_;
  std::vector<std::unique_ptr<proxy::Rules>> rules_;
  std::uint64_t next_epoch_;
};

}  // namespace headrace::server
