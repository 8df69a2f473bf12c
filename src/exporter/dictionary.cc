#include "exporter/dictionary.h"

#include <utility>

#include "base/limits.h"
#include "headrace/record.h"

namespace headrace::exporter {

Dictionary Dictionary::of(const config::Snapshot& snapshot) {
  Dictionary dictionary;
  dictionary.epoch = static_cast<std::uint32_t>(snapshot.epoch);
  for (const config::Route& route : snapshot.routes) {
    dictionary.routes.push_back(route.model);
    for (const config::Target& target : route.targets) dictionary.targets.push_back(target.name);
  }
  for (const config::Provider& provider : snapshot.providers) {
    dictionary.providers.push_back(provider.name);
  }
  for (const config::ClientKey& key : snapshot.keys) dictionary.keys.push_back(key.name);
  return dictionary;
}

void Dictionaries::learn(Dictionary dictionary) {
  known_.push_front(std::move(dictionary));
  if (known_.size() > kMaxEpochs) known_.pop_back();
}

const Dictionary* Dictionaries::find(std::uint32_t epoch) const {
  for (const Dictionary& known : known_) {
    if (known.epoch == epoch) return &known;
  }
  return nullptr;
}

// What is configured under one of these names shares its label: two of the same are no exposition.
Names::Names() : texts_{"none", "unknown", "other"} {
  for (NameId id = 0; id < texts_.size(); ++id) ids_.emplace(texts_[id], id);
}

void Names::learn(const Dictionary& dictionary) {
  Epoch epoch{dictionary.epoch, intern_all(dictionary.routes), intern_all(dictionary.targets), {}};
  epoch.keys.reserve(dictionary.keys.size());
  for (const std::string& name : dictionary.keys) epoch.keys.push_back(intern_key(name));
  epochs_.push_front(std::move(epoch));
  if (epochs_.size() > kMaxEpochs) epochs_.pop_back();
}

NameId Names::route(std::uint32_t epoch, std::uint16_t id) const {
  if (id == kNoShortId) return kNone;
  const Epoch* known = find(epoch);
  return known != nullptr && id < known->routes.size() ? known->routes[id] : kUnknown;
}

NameId Names::target(std::uint32_t epoch, std::uint32_t id) const {
  if (id == kNoId) return kNone;
  const Epoch* known = find(epoch);
  return known != nullptr && id < known->targets.size() ? known->targets[id] : kUnknown;
}

NameId Names::key(std::uint32_t epoch, std::uint32_t id) const {
  if (id == kNoId) return kNone;
  const Epoch* known = find(epoch);
  return known != nullptr && id < known->keys.size() ? known->keys[id] : kUnknown;
}

const Names::Epoch* Names::find(std::uint32_t epoch) const {
  for (const Epoch& known : epochs_) {
    if (known.number == epoch) return &known;
  }
  return nullptr;
}

NameId Names::intern(const std::string& name) {
  if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
  if (texts_.size() >= kMaxNames) {
    ++folded_;
    return kOther;
  }
  const auto id = static_cast<NameId>(texts_.size());
  texts_.push_back(name);
  ids_.emplace(name, id);
  return id;
}

NameId Names::intern_key(const std::string& name) {
  if (const auto known = ids_.find(name); known != ids_.end()) return known->second;
  if (key_names_ >= base::limits::kMetricKeys) {
    ++folded_;
    return kOther;
  }
  const NameId id = intern(name);
  if (id != kOther) ++key_names_;
  return id;
}

std::vector<NameId> Names::intern_all(const std::vector<std::string>& names) {
  std::vector<NameId> ids;
  ids.reserve(names.size());
  for (const std::string& name : names) ids.push_back(intern(name));
  return ids;
}

}  // namespace headrace::exporter
