#include "route/router.h"

#include "base/glob.h"

namespace headrace::route {

const config::Route* pick_route(const config::Snapshot& snapshot, base::Bytes model) {
  const config::Route* globbed = nullptr;
  for (const config::Route& route : snapshot.routes) {
    if (route.model == model) return &route;
    if (globbed == nullptr && route.model.find('*') != std::string::npos &&
        base::glob_matches(route.model, model)) {
      globbed = &route;
    }
  }
  return globbed;
}

}  // namespace headrace::route
