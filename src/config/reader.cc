#include "config/reader.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/limits.h"
#include "config/base_url.h"
#include "config/egress.h"
#include "config/known_providers.h"
#include "config/reader_path.h"
#include "config/value.h"
#include "net/address.h"

namespace headrace::config {
namespace {

constexpr std::string_view kDefaultListen = "127.0.0.1:8080";
constexpr std::string_view kDefaultAdmin = "127.0.0.1:9090";

std::string_view name_of_kind(TreeNode::Kind kind) {
  switch (kind) {
    case TreeNode::Kind::null:
      return "nothing";
    case TreeNode::Kind::scalar:
      return "a single value";
    case TreeNode::Kind::list:
      return "a list";
    case TreeNode::Kind::map:
      return "a map";
  }
  return "something else";
}

// Whether faults may show the value: not for secrets, nor where one may stand by mistake: URLs
// with credentials in them, a key in place of its hash.
bool is_quotable(const Key& key) {
  return key.kind != Kind::secret && key.kind != Kind::base_url && key.kind != Kind::proxy &&
         key.kind != Kind::key_hash;
}

}  // namespace

Snapshot Reader::read(const TreeNode& root) {
  Snapshot snapshot;
  snapshot.admin = kDefaultAdmin;
  if (!root.is(TreeNode::Kind::null) && !root.is(TreeNode::Kind::map)) {
    faults_.add(root.line,
                "the file must be a map of keys, beginning with for example \"listen:\"");
    return snapshot;
  }
  Place at{.snapshot = &snapshot};
  read_section(section(""), root, "", at);
  for (const std::string_view name : {"io", "limits", "audit"}) {
    if (const TreeNode* node = root.find(name)) {
      read_section(section(name), *node, std::string(name), at);
    }
  }
  read_listens(root.find("listen"), snapshot);
  check_admin(root.find("admin"), snapshot);
  check_audit(root.find("audit"), snapshot);
  if (const TreeNode* node = root.find("providers")) read_providers(*node, snapshot);
  if (const TreeNode* node = root.find("routes")) read_routes(*node, snapshot);
  if (const TreeNode* node = root.find("keys")) read_keys(*node, snapshot);
  check_access(root, snapshot);
  return snapshot;
}

void Reader::tell(const TreeNode& node, const std::string& path, const std::string& message) {
  const std::string where = node.origin.empty() ? path : node.origin + " in the environment";
  faults_.add(node.line, where + ": " + message);
}

bool Reader::expect(TreeNode::Kind kind,
                    const TreeNode& node,
                    const std::string& path,
                    std::string_view advice) {
  if (node.is(kind)) return true;
  tell(node,
       path,
       "must be " + std::string(name_of_kind(kind)) + ", not " +
           std::string(name_of_kind(node.kind)) + "; write " + std::string(advice));
  return false;
}

void Reader::read_section(const Section& from,
                          const TreeNode& map,
                          const std::string& path,
                          Place& at) {
  // A section without a value is a section without keys.
  if (!map.is(TreeNode::Kind::null) && !map.is(TreeNode::Kind::map)) {
    const std::string key(from.keys.front().name);
    expect(TreeNode::Kind::map,
           map,
           path,
           "its keys below it, each on its own line, such as " + key + ":");
    return;
  }
  for (const auto& entry : map.entries) {
    const Key* key = from.find(entry.key);
    if (key == nullptr) {
      tell_unknown(from, entry, path);
    } else if (key->slot != nullptr) {
      read_value(*key, entry.value, join(path, key->name), at);
    }
  }
  for (const auto& key : from.keys) {
    if (!key.required || map.find(key.name) != nullptr) continue;
    faults_.add(map.line,
                (path.empty() ? std::string() : path + ": ") + "the key \"" +
                    std::string(key.name) + "\" is missing. " + std::string(key.help));
  }
}

void Reader::tell_unknown(const Section& from, const Entry& entry, const std::string& path) {
  if (faults_.full()) return faults_.add(entry.line, "");
  std::vector<std::string_view> known;
  std::string list;
  for (const auto& key : from.keys) {
    known.push_back(key.name);
    list += (list.empty() ? "" : ", ") + std::string(key.name);
  }
  // A key that exists elsewhere is a better guess than one that is spelt alike.
  std::string hint;
  for (const auto& other : sections()) {
    if (!hint.empty() || other.find(entry.key) == nullptr) continue;
    hint = other.path.empty() ? "; it belongs to the top level"
                              : "; it is a key of \"" + std::string(other.path) + "\"";
  }
  if (hint.empty()) hint = did_you_mean(entry.key, known);
  if (hint.empty()) hint = "; known are " + list;
  const std::string where = path.empty() ? std::string("at the top level") : "in " + path;
  faults_.add(entry.line, "unknown key " + quote(entry.key) + " " + where + hint);
}

void Reader::read_value(const Key& key, const TreeNode& node, const std::string& path, Place& at) {
  if (node.is(TreeNode::Kind::null)) {
    return tell(node, path, "has no value; give one, or remove the key");
  }
  if (!expect(TreeNode::Kind::scalar, node, path, "one value")) return;
  Expanded value{.text = node.text, .fault = {}, .changed = false};
  if (node.origin.empty()) value = expand(node.text, environment_);
  if (!value.fault.empty()) return tell(node, path, value.fault);
  const std::string fault = assign(key, value.text, at);
  if (fault.empty()) return;
  // An interpolated value is shown as it stands in the file.
  tell(node, path, (is_quotable(key) ? quote(node.text) : "the value") + " " + fault);
}

void Reader::read_listens(const TreeNode* node, Snapshot& snapshot) {
  if (node == nullptr) {
    snapshot.listen.push_back({.address = std::string(kDefaultListen), .group = {}});
    return;
  }
  if (!node->is(TreeNode::Kind::list)) return read_listen(*node, "listen", snapshot);
  if (node->items.empty()) return tell(*node, "listen", "the list is empty; name an address");
  for (std::size_t i = 0; i < node->items.size(); ++i) {
    read_listen(node->items[i], indexed("listen", i), snapshot);
  }
}

void Reader::read_listen(const TreeNode& node, const std::string& path, Snapshot& snapshot) {
  Listen listen;
  Place at{.snapshot = &snapshot, .listen = &listen};
  const Section& keys = section("listen[]");
  if (node.is(TreeNode::Kind::map)) {
    read_section(keys, node, path, at);
  } else {
    read_value(*keys.find("address"), node, path, at);
  }
  if (listen.address.empty()) return;  // told
  const bool unix_socket = listen.address.starts_with("unix:/");
  for (const std::string_view key : {"mode", "group"}) {
    if (unix_socket || node.find(key) == nullptr) continue;
    tell(*node.find(key), join(path, key), "only a unix:/path socket has one; remove it");
  }
  if (const TreeNode* list = node.find("tls_certificates")) {
    read_tls_certificates(*list, path + ".tls_certificates", listen);
  } else if (!listen.client_ca_file.empty()) {
    tell(*node.find("client_ca_file"),
         path + ".client_ca_file",
         "means nothing without TLS; add tls_certificates, or remove it");
  }
  const auto same = [&](const Listen& other) { return other.address == listen.address; };
  const bool any_port = listen.address.ends_with(":0");  // each gets a port of its own
  if (!any_port && std::any_of(snapshot.listen.begin(), snapshot.listen.end(), same)) {
    tell(node, path, "the same address stands here a second time; remove one");
  }
  snapshot.listen.push_back(std::move(listen));
}

void Reader::read_tls_certificates(const TreeNode& node, const std::string& path, Listen& listen) {
  constexpr std::string_view kAdvice = "- {certificate: /path.pem, key: /path.key}";
  if (!expect(TreeNode::Kind::list, node, path, kAdvice)) return;
  if (node.items.empty()) {
    return tell(node, path, "the list is empty; add " + std::string(kAdvice) + ", or remove it");
  }
  if (node.items.size() > base::limits::kTlsCertificates) {
    return tell(node,
                path,
                "has more than " + std::to_string(base::limits::kTlsCertificates) +
                    " entries; remove some");
  }
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    const std::string place = indexed(path, i);
    if (!expect(TreeNode::Kind::map, node.items[i], place, kAdvice)) continue;
    TlsCertificate certificate;
    Place at{.certificate = &certificate};
    read_section(section("listen[].tls_certificates[]"), node.items[i], place, at);
    listen.tls_certificates.push_back(std::move(certificate));
  }
}

void Reader::check_audit(const TreeNode* node, const Snapshot& snapshot) {
  if (!snapshot.audit.required || !snapshot.audit.path.empty()) return;
  const TreeNode* required = node == nullptr ? nullptr : node->find("required");
  const TreeNode absent;
  tell(required == nullptr ? absent : *required,
       "audit.required",
       "nothing is written without audit.path; name a file, or write required: false");
}

void Reader::check_admin(const TreeNode* node, const Snapshot& snapshot) {
  if (snapshot.admin.empty()) return;
  const TreeNode absent;
  const TreeNode& at = node == nullptr ? absent : *node;
  const auto address = net::parse_address(snapshot.admin);
  if (!address) return;  // told
  if (!net::is_loopback(address.value())) {
    return tell(
        at,
        "admin",
        "must be loopback or a unix: socket, because it asks for no credential; for example " +
            std::string(kDefaultAdmin));
  }
  for (const auto& listen : snapshot.listen) {
    if (listen.address != snapshot.admin || listen.address.ends_with(":0")) continue;
    tell(at, "admin", "clients listen on the same address; choose another, or write admin: off");
  }
}

void Reader::read_providers(const TreeNode& node, Snapshot& snapshot) {
  if (!expect(
          TreeNode::Kind::map, node, "providers", "a name below it, and its base_url below that"))
    return;
  if (node.entries.empty()) return tell(node, "providers", "the map is empty; name a provider");
  for (const auto& entry : node.entries) {
    provider_names_.push_back(entry.key);
    read_provider(entry, snapshot);
  }
}

void Reader::read_provider(const Entry& entry, Snapshot& snapshot) {
  const std::string path = path_of_entry("providers", entry.key);
  if (!is_name(entry.key)) faults_.add(entry.line, path + ": " + std::string(kNameRule));
  Provider provider;
  provider.name = entry.key;
  Place at{.snapshot = &snapshot, .provider = &provider};
  TreeNode keys = entry.value;
  if (keys.line == 0 || keys.is(TreeNode::Kind::map))
    keys.line = entry.line;  // "is missing" is told at the name
  read_section(section("providers.NAME"), keys, path, at);
  read_credentials(entry, path, provider);
  if (const std::string fault = choose_egress(environment_, provider); !fault.empty()) {
    const TreeNode* key = entry.value.find("proxy");
    tell(key == nullptr ? entry.value : *key, path + ".proxy", fault);
  }
  check_keys_are_protected(entry, path, provider);
  check_tls(entry, path, provider);
  check_http_version(entry, path, provider);
  // A handshake is what a spare connection saves; there is little to save without one.
  const bool has_handshake = provider.scheme == "https" || provider.http == HttpVersion::h2c;
  if (has_handshake && keys.find("warm_min") == nullptr) provider.warm_min = 1;
  provider.drains =
      provider.on_disconnect == OnDisconnect::drain ||
      (provider.on_disconnect == OnDisconnect::automatic && ignores_cancel(provider.host));
  snapshot.providers.push_back(std::move(provider));
}

void Reader::read_routes(const TreeNode& node, Snapshot& snapshot) {
  if (!expect(TreeNode::Kind::list, node, "routes", "- {model: \"*\", targets: [name]}")) return;
  if (node.items.empty())
    tell(node, "routes", "the list is empty; add - {model: \"*\", targets: [name]}");
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    read_route(node.items[i], indexed("routes", i), snapshot);
  }
}

void Reader::read_route(const TreeNode& node, const std::string& path, Snapshot& snapshot) {
  if (!expect(TreeNode::Kind::map, node, path, "{model: \"*\", targets: [name]}")) return;
  Route route;
  Place at{.snapshot = &snapshot, .route = &route};
  read_section(section("routes[]"), node, path, at);
  if (const TreeNode* targets = node.find("targets")) {
    read_targets(*targets, path + ".targets", snapshot, route);
  }
  const TreeNode* model = node.find("model");
  for (std::size_t i = 0; i < snapshot.routes.size() && !route.model.empty(); ++i) {
    if (snapshot.routes[i].model != route.model) continue;
    tell(*model,
         path + ".model",
         "routes[" + std::to_string(i) + "] has this model already; remove one");
    break;
  }
  if (route.first_token_timeout > route.total_timeout) {
    const TreeNode* timeout = node.find("first_token_timeout");
    tell(timeout == nullptr ? node : *timeout,
         path + ".first_token_timeout",
         "is longer than total_timeout; shorten it, or write 0s");
  }
  snapshot.routes.push_back(std::move(route));
}

void Reader::read_targets(const TreeNode& node,
                          const std::string& path,
                          Snapshot& snapshot,
                          Route& route) {
  if (!expect(TreeNode::Kind::list, node, path, "[name]")) return;
  if (node.items.empty()) return tell(node, path, "the list is empty; name a provider");
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    read_target(node.items[i], indexed(path, i), snapshot, route);
  }
  check_order(node, path, route);
}

void Reader::read_target(const TreeNode& node,
                         const std::string& path,
                         Snapshot& snapshot,
                         Route& route) {
  Target target;
  std::string name;
  Place at{.snapshot = &snapshot, .target = &target, .target_provider = &name};
  const Section& keys = section("routes[].targets[]");
  const TreeNode* provider = &node;
  if (node.is(TreeNode::Kind::map)) {
    read_section(keys, node, path, at);
    provider = node.find("provider");
  } else {
    read_value(*keys.find("provider"), node, path, at);
  }
  if (name.empty()) return;  // told
  const auto found = std::find(provider_names_.begin(), provider_names_.end(), name);
  if (found == provider_names_.end()) {
    const bool interpolated = provider->text != name;
    const std::string hint = interpolated ? std::string() : did_you_mean(name, provider_names_);
    return tell(*provider,
                path,
                "no provider is named " + quote(provider->text) +
                    (hint.empty() ? "; add it under providers" : hint));
  }
  target.provider = static_cast<std::size_t>(found - provider_names_.begin());
  target.name = target.model.empty() ? name : name + "/" + target.model;
  route.targets.push_back(std::move(target));
}

}  // namespace headrace::config
