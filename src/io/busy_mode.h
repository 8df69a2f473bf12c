// Whether a worker polls before it sleeps: waking a blocked thread costs tens of microseconds,
// polling half of one. `automatic` polls only where the measured gap between events makes it pay
// (see IdlePolicy).
#pragma once

#include <cstdint>

namespace headrace::io {

enum class BusyMode : std::uint8_t { automatic, always, off };

}  // namespace headrace::io
