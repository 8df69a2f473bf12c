// Names for the ids in records. Every configuration that goes live brings a Dictionary; a record
// says by its epoch which one to read it with. Names is the exporter's side: it keeps the
// dictionaries of the last epochs and folds equal names of different epochs into one label, so that
// a reload does not break a series.
//
// Dictionaries keeps them as they are, for whoever writes an id out as its name (the audit).
//
// All names come from configuration. The number of labels is bounded: beyond kMaxNames (many
// reloads that rename everything) new ones become "other", which is counted. Names of keys have a
// smaller bound within it, because there may be very many, and routes and targets must not suffer.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/snapshot.h"

namespace headrace::exporter {

// Vectors are indexed by the ids of records.
struct Dictionary {
  std::uint32_t epoch = 0;
  std::vector<std::string> routes;   // Record::route: index of the route
  std::vector<std::string> targets;  // Record::target: counted through all routes in order
  std::vector<std::string> providers;
  std::vector<std::string> keys{};    // Record::key
  std::vector<std::string> prices{};  // Record::price_row: "provider/model"; not from the snapshot

  static Dictionary of(const config::Snapshot& snapshot);
  friend bool operator==(const Dictionary&, const Dictionary&) = default;
};

// The dictionaries of the last epochs.
class Dictionaries {
 public:
  static constexpr std::size_t kMaxEpochs = 64;

  void learn(Dictionary dictionary);
  const Dictionary* find(std::uint32_t epoch) const;
  bool empty() const { return known_.empty(); }
  const Dictionary& newest() const { return known_.front(); }

 private:
  std::deque<Dictionary> known_;  // newest first: nearly every record is of that one
};

// A label: an index into Names, the same for the same name in every epoch.
using NameId = std::uint32_t;

class Names {
 public:
  static constexpr std::size_t kMaxNames = 4096;
  static constexpr std::size_t kMaxEpochs = 64;
  static constexpr NameId kNone = 0;     // the record names nothing: "none"
  static constexpr NameId kUnknown = 1;  // an id or epoch nobody told us about: "unknown"
  static constexpr NameId kOther = 2;    // a name too many: "other"

  Names();

  // Before the first record of its epoch arrives.
  void learn(const Dictionary& dictionary);

  NameId route(std::uint32_t epoch, std::uint16_t id) const;
  NameId target(std::uint32_t epoch, std::uint32_t id) const;
  NameId key(std::uint32_t epoch, std::uint32_t id) const;
  std::string_view text(NameId id) const { return texts_[id]; }
  std::size_t count() const { return texts_.size(); }
  std::uint64_t folded() const { return folded_; }

 private:
  struct Epoch {
    std::uint32_t number;
    std::vector<NameId> routes;
    std::vector<NameId> targets;
    std::vector<NameId> keys;
  };

  const Epoch* find(std::uint32_t epoch) const;
  NameId intern(const std::string& name);
  NameId intern_key(const std::string& name);
  std::vector<NameId> intern_all(const std::vector<std::string>& names);

  std::deque<Epoch> epochs_;  // newest first: nearly every record is of that one
  std::vector<std::string> texts_;
  std::map<std::string, NameId> ids_;
  std::size_t key_names_ = 0;  // of texts_: the ones that keys brought
  std::uint64_t folded_ = 0;
};

}  // namespace headrace::exporter
