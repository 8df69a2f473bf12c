#include "api/document.h"

#include <type_traits>

#include "base/assert.h"

namespace headrace::api {

using json::Node;

static_assert(std::is_trivially_copyable_v<Node>);

Node* Document::nodes() const {
  // The pool's blocks begin behind a Buffer, whose alignment is larger than a node's.
  return reinterpret_cast<Node*>(block_.buffer()->base);
}

json::TapeResult Document::write(base::Bytes text, json::Utf8 utf8, std::size_t count) {
  if (block_.buffer() == nullptr || block_.buffer()->capacity < count * sizeof(Node)) {
    block_.reset();
    block_ = pool_.take(count * sizeof(Node));
  }
  const std::size_t room = block_.buffer()->capacity / sizeof(Node);
  return json::write_tape(text, {nodes(), room}, utf8);
}

json::ScanResult Document::read(base::Bytes text, json::Utf8 utf8) {
  text_ = nullptr;
  json::TapeResult result = write(text, utf8, json::nodes_likely(text.size()));
  if (result.full) result = write(text, utf8, json::nodes_max(text.size()));
  HEADRACE_ASSERT(!result.full);
  if (result.ok()) text_ = text.data();
  return result.scan;
}

json::Value Document::root() const {
  HEADRACE_ASSERT(text_ != nullptr);
  return {text_, nodes()};
}

}  // namespace headrace::api
