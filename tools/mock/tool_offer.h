// The tools that a request offers, in any of the three shapes they have on the wire, and for each
// of them arguments that its schema allows (in the common cases: the mock knows types, enums and
// nesting, not patterns). Values, any thread.
#pragma once

#include <simdjson.h>

#include <string>
#include <vector>

namespace headrace::mock {

struct ToolOffer {
  std::string name;
  std::string arguments;  // a JSON object
};

struct ToolOffers {
  std::vector<ToolOffer> offers;  // none when the request forbids to call them
  bool must_call = false;
  bool one_only = false;
};

ToolOffers read_tools(simdjson::dom::object request);

}  // namespace headrace::mock
