// The reader's part about who may ask, and with whose key we ask: `keys`, `access`, credentials and
// the order of targets.
#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "config/base_url.h"
#include "config/certificate_name.h"
#include "config/reader.h"
#include "config/reader_path.h"
#include "net/address.h"

namespace headrace::config {
namespace {

namespace limits = base::limits;

std::string at_most(std::size_t most) {
  return "has more than " + std::to_string(most) + " entries; remove some";
}

}  // namespace

// -- credentials

void Reader::read_credentials(const Entry& entry, const std::string& path, Provider& provider) {
  if (!provider.api_key.empty()) {
    provider.credentials.push_back({.name = "default", .api_key = provider.api_key});
  }
  if (const TreeNode* list = entry.value.find("api_keys")) {
    const std::string keys = path + ".api_keys";
    if (expect(TreeNode::Kind::list, *list, keys, "[\"${NAME}\"]")) {
      if (list->items.empty()) tell(*list, keys, "the list is empty; add a key, or remove it");
      for (std::size_t i = 0; i < list->items.size(); ++i) {
        read_credential(list->items[i], indexed(keys, i), i, provider);
      }
    }
    if (provider.credentials.size() > limits::kCredentialsPerProvider) {
      tell(*list, keys, at_most(limits::kCredentialsPerProvider));
    }
  }
  if (provider.credentials.empty()) {
    provider.credentials.push_back({.name = "default", .api_key = {}});
  }
}

void Reader::read_credential(const TreeNode& node,
                             const std::string& path,
                             std::size_t index,
                             Provider& provider) {
  Credential credential{.name = "key" + std::to_string(index + 1), .api_key = {}};
  Place at{.provider = &provider, .credential = &credential};
  const Section& keys = section("providers.NAME.api_keys[]");
  if (node.is(TreeNode::Kind::map)) {
    read_section(keys, node, path, at);
  } else {
    read_value(*keys.find("api_key"), node, path, at);
  }
  if (!is_name(credential.name)) tell(node, path + ".name", std::string(kNameRule));
  for (const Credential& other : provider.credentials) {
    if (other.name != credential.name) continue;
    tell(node, path, quote(credential.name) + " is the name of another key already; rename one");
  }
  provider.credentials.push_back(std::move(credential));
}

void Reader::check_keys_are_protected(const Entry& entry,
                                      const std::string& path,
                                      const Provider& provider) {
  if (provider.scheme != "http" || provider.is_private || provider.host.empty()) return;
  if (is_loopback_host(provider.host) && is_loopback_host(provider.peer_host())) return;
  const auto is_set = [](const Credential& each) { return !each.api_key.empty(); };
  const bool has_key =
      std::any_of(provider.credentials.begin(), provider.credentials.end(), is_set);
  if (!has_key && !provider.takes_client_key) return;
  const std::string_view name = !provider.api_key.empty() ? "api_key"
                                : has_key                 ? "api_keys"
                                                          : "client_key";
  const TreeNode* key = entry.value.find(name);
  tell(key == nullptr ? entry.value : *key,
       path + "." + std::string(name),
       "would cross the network in plain text: base_url is http and its host, or its proxy, is not "
       "this one; if the network in between is trusted, write private: true");
}

void Reader::check_tls(const Entry& entry, const std::string& path, const Provider& provider) {
  const auto at = [&](std::string_view name) -> const TreeNode& {
    const TreeNode* key = entry.value.find(name);
    return key == nullptr ? entry.value : *key;
  };
  if (provider.scheme == "http" || provider.scheme == "http+unix") {
    for (const auto& [name, value] :
         {std::pair<std::string_view, const std::string&>{"ca_file", provider.ca_file},
          {"tls_certificate", provider.tls_certificate},
          {"tls_key", provider.tls_key}}) {
      if (value.empty()) continue;
      tell(at(name),
           path + "." + std::string(name),
           "means nothing to a provider without TLS; write https:// in its base_url, or remove it");
    }
    return;
  }
  if (provider.tls_certificate.empty() == provider.tls_key.empty()) return;
  const bool lacks_key = provider.tls_key.empty();
  tell(at(lacks_key ? "tls_certificate" : "tls_key"),
       path + (lacks_key ? ".tls_certificate" : ".tls_key"),
       lacks_key ? "needs its tls_key" : "needs its tls_certificate");
}

void Reader::check_http_version(const Entry& entry,
                                const std::string& path,
                                const Provider& provider) {
  const bool is_tls = provider.scheme == "https";
  const HttpVersion unfit = is_tls ? HttpVersion::h2c : HttpVersion::h2;
  if (provider.scheme.empty() || provider.http != unfit) return;
  tell(*entry.value.find("http"),
       path + ".http",
       is_tls ? "h2c is HTTP/2 without TLS, and base_url is https; leave it to auto"
              : "2 is HTTP/2 over TLS, and base_url has none; without TLS it is called h2c");
}

// -- targets

// A list in which only some say where they belong has no order that a reader could see.
void Reader::check_order(const TreeNode& node, const std::string& path, const Route& route) {
  if (route.targets.size() > limits::kTargetsPerRoute) {
    tell(node, path, at_most(limits::kTargetsPerRoute));
  }
  const auto has_priority = [](const Target& each) { return each.priority != 0; };
  const auto& all = route.targets;
  if (std::any_of(all.begin(), all.end(), has_priority) &&
      !std::all_of(all.begin(), all.end(), has_priority)) {
    return tell(node, path, "some targets have a priority and some have none; give it to all");
  }
  for (const Target& target : all) {
    const auto shares = [&](const Target& other) {
      return &other != &target && target.priority != 0 && other.priority == target.priority;
    };
    if (target.weight == 1 || std::any_of(all.begin(), all.end(), shares)) continue;
    tell(node,
         path,
         "the weight of " + quote(target.name) +
             " has no effect, because no other target has the same priority; write the same "
             "priority for those that share");
  }
}

// -- keys

void Reader::read_keys(const TreeNode& node, Snapshot& snapshot) {
  if (!expect(TreeNode::Kind::map, node, "keys", "a name below it, and its hash below that")) {
    return;
  }
  for (const auto& entry : node.entries) read_key(entry, snapshot);
  const auto has_hash = [](const ClientKey& each) { return !each.hash.empty(); };
  const bool any = std::any_of(snapshot.keys.begin(), snapshot.keys.end(), has_hash);
  if (!any || !snapshot.key_secret.empty()) return;
  tell(node,
       "keys",
       "nobody can check them without the secret under which they were hashed; write key_secret: "
       "\"${file:/path}\"");
}

void Reader::read_key(const Entry& entry, Snapshot& snapshot) {
  const std::string path = path_of_entry("keys", entry.key);
  if (!is_name(entry.key)) faults_.add(entry.line, path + ": " + std::string(kNameRule));
  ClientKey key;
  key.name = entry.key;
  Place at{.snapshot = &snapshot, .key = &key};
  TreeNode keys = entry.value;
  if (keys.line == 0 || keys.is(TreeNode::Kind::map)) keys.line = entry.line;
  read_section(section("keys.NAME"), keys, path, at);
  if (const TreeNode* models = keys.find("models")) read_models(*models, path + ".models", key);
  if (const TreeNode* labels = keys.find("labels")) read_labels(*labels, path + ".labels", key);
  const TreeNode* hash = keys.find("hash");
  if (const TreeNode* list = keys.find("certificates")) {
    read_certificates(*list, path + ".certificates", snapshot, key);
  } else if (hash == nullptr || (hash->is(TreeNode::Kind::scalar) && hash->text.empty())) {
    tell(keys, path, "nothing says whose it is; give a hash (`headrace key new`) or certificates");
  }
  for (const ClientKey& other : snapshot.keys) {
    if (key.hash.empty() || other.hash != key.hash) continue;
    tell(keys, path + ".hash", "is that of " + quote(other.name) + " too; remove one");
  }
  snapshot.keys.push_back(std::move(key));
}

void Reader::read_models(const TreeNode& node, const std::string& path, ClientKey& key) {
  if (!expect(TreeNode::Kind::list, node, path, "[\"gpt-*\"]")) return;
  if (node.items.empty()) return tell(node, path, "the list is empty; name a model, or remove it");
  if (node.items.size() > limits::kModelsPerKey) {
    return tell(node, path, at_most(limits::kModelsPerKey));
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    Route route;
    Place at{.route = &route};
    // A route's model has the same rules.
    read_value(*section("routes[]").find("model"), node.items[i], indexed(path, i), at);
    key.models.push_back(std::move(route.model));
  }
}

void Reader::read_certificates(const TreeNode& node,
                               const std::string& path,
                               const Snapshot& snapshot,
                               ClientKey& key) {
  if (!expect(TreeNode::Kind::list, node, path, "[\"dns:client.example\"]")) return;
  if (node.items.empty()) return tell(node, path, "the list is empty; name one, or remove it");
  if (node.items.size() > limits::kCertificatesPerKey) {
    return tell(node, path, at_most(limits::kCertificatesPerKey));
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string place = indexed(path, i);
    Listen value;
    Place at{.listen = &value};
    // Any line of text, to begin with, as for a group's name.
    read_value(*section("listen[]").find("group"), node.items[i], place, at);
    std::string name;
    const std::string fault = read_certificate_name(value.group, name);
    if (!fault.empty()) {
      tell(node.items[i], place, quote(node.items[i].text) + " " + fault);
      continue;
    }
    const auto has_it = [&](const ClientKey& other) {
      const auto& all = other.certificates;
      return std::find(all.begin(), all.end(), name) != all.end();
    };
    if (has_it(key) || std::any_of(snapshot.keys.begin(), snapshot.keys.end(), has_it)) {
      tell(node.items[i], place, "stands here a second time, or at another key; remove one");
    }
    key.certificates.push_back(std::move(name));
  }
  const auto asks = [](const Listen& each) { return !each.client_ca_file.empty(); };
  if (std::any_of(snapshot.listen.begin(), snapshot.listen.end(), asks)) return;
  tell(node, path, "no listener asks for certificates; add client_ca_file to one");
}

void Reader::read_labels(const TreeNode& node, const std::string& path, ClientKey& key) {
  if (!expect(TreeNode::Kind::map, node, path, "{team: search}")) return;
  if (node.entries.size() > limits::kLabelsPerKey) {
    return tell(node, path, at_most(limits::kLabelsPerKey));
  }
  for (const auto& entry : node.entries) {
    if (!is_name(entry.key)) {
      faults_.add(entry.line, path_of_entry(path, entry.key) + ": " + std::string(kNameRule));
    }
    Listen value;
    Place at{.listen = &value};
    // Any line of text will do, as for a group's name.
    read_value(*section("listen[]").find("group"), entry.value, path_of_entry(path, entry.key), at);
    key.labels.push_back({entry.key, std::move(value.group)});
  }
}

// -- access

void Reader::check_access(const TreeNode& root, const Snapshot& snapshot) {
  const TreeNode absent;
  const TreeNode* found = root.find("access");
  const TreeNode& node = found == nullptr ? absent : *found;
  const bool has_keys = root.find("keys") != nullptr && !snapshot.keys.empty();
  switch (snapshot.access) {
    case Access::keys:
      if (!has_keys) tell(node, "access", "keys has none; add one with `headrace key new`");
      return;
    case Access::bring: {
      const auto takes = [](const Provider& each) { return each.takes_client_key; };
      if (!std::any_of(snapshot.providers.begin(), snapshot.providers.end(), takes)) {
        tell(node, "access", "no provider takes a client's key; write client_key: true at one");
      }
      return;
    }
    case Access::open:
      if (has_keys) {
        return tell(node, "access", "is open although there are keys; remove it, or the keys");
      }
      return;  // in so many words: the operator knows who can reach the listeners
    case Access::automatic:
      if (has_keys) return;
      break;
  }
  for (const Listen& listen : snapshot.listen) {
    const auto address = net::parse_address(listen.address);
    if (!address || net::is_loopback(address.value())) continue;
    if (!listen.client_ca_file.empty()) continue;  // not whoever connects: who has a certificate
    const TreeNode* place = root.find("listen");
    tell(place == nullptr ? absent : *place,
         "listen",
         quote(listen.address) +
             " is open to the network, and whoever connects may ask: listen on loopback, or write "
             "`access: open` where that is meant");
  }
}

}  // namespace headrace::config
