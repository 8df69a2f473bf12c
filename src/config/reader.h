// From a tree to a snapshot, by the table of schema.h. Tells every fault it finds and goes on; the
// snapshot is good only when there was none. Nothing is resolved and nothing is bound: the result
// depends on the text and the environment alone. Start-up and reload only.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "config/fault.h"
#include "config/schema.h"
#include "config/secrets.h"
#include "config/yaml_tree.h"

namespace headrace::config {

class Reader {
 public:
  Reader(const Environment& environment, Faults& faults)
      : environment_(environment), faults_(faults) {}

  Snapshot read(const TreeNode& root);

 private:
  // -- any section
  void read_section(const Section& from, const TreeNode& map, const std::string& path, Place& at);
  void tell_unknown(const Section& from, const Entry& entry, const std::string& path);
  void read_value(const Key& key, const TreeNode& node, const std::string& path, Place& at);
  bool expect(TreeNode::Kind kind,
              const TreeNode& node,
              const std::string& path,
              std::string_view advice);
  void tell(const TreeNode& node, const std::string& path, const std::string& message);

  // -- the parts with structure
  void read_listens(const TreeNode* node, Snapshot& snapshot);
  void read_listen(const TreeNode& node, const std::string& path, Snapshot& snapshot);
  void read_tls_certificates(const TreeNode& node, const std::string& path, Listen& listen);
  void read_providers(const TreeNode& node, Snapshot& snapshot);
  void read_provider(const Entry& entry, Snapshot& snapshot);
  void read_routes(const TreeNode& node, Snapshot& snapshot);
  void read_route(const TreeNode& node, const std::string& path, Snapshot& snapshot);
  void read_targets(const TreeNode& node,
                    const std::string& path,
                    Snapshot& snapshot,
                    Route& route);
  void read_target(const TreeNode& node, const std::string& path, Snapshot& snapshot, Route& route);

  // -- who may ask, and with whose key we ask (reader_policy.cc)
  void read_credentials(const Entry& entry, const std::string& path, Provider& provider);
  void read_credential(const TreeNode& node,
                       const std::string& path,
                       std::size_t index,
                       Provider& provider);
  void read_keys(const TreeNode& node, Snapshot& snapshot);
  void read_key(const Entry& entry, Snapshot& snapshot);
  void read_models(const TreeNode& node, const std::string& path, ClientKey& key);
  void read_certificates(const TreeNode& node,
                         const std::string& path,
                         const Snapshot& snapshot,
                         ClientKey& key);
  void read_labels(const TreeNode& node, const std::string& path, ClientKey& key);

  // -- what one value alone cannot show
  void check_audit(const TreeNode* node, const Snapshot& snapshot);
  void check_admin(const TreeNode* node, const Snapshot& snapshot);
  void check_keys_are_protected(const Entry& entry,
                                const std::string& path,
                                const Provider& provider);
  void check_tls(const Entry& entry, const std::string& path, const Provider& provider);
  void check_http_version(const Entry& entry, const std::string& path, const Provider& provider);
  void check_order(const TreeNode& node, const std::string& path, const Route& route);
  void check_access(const TreeNode& root, const Snapshot& snapshot);

  const Environment& environment_;
  Faults& faults_;
  std::vector<std::string_view> provider_names_;  // in the tree, which outlives the reading
};

}  // namespace headrace::config
