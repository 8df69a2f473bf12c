// Rings in files of the state directory, one a worker: "ring-0", "ring-1", ... A ring that a dead
// process left there is taken over as it stands; what is no ring of this version is put aside as
// "ring-0.refused" and told, never read. Files are made whole under another name first, and all
// their pages are reserved: a full tmpfs must fail here and not as SIGBUS under a worker's store.
//
// Start-up only, by the thread that composes the workers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "telemetry/ring.h"
#include "telemetry/ring_memory.h"
#include "telemetry/state_dir.h"

namespace headrace::telemetry {

enum class RingOrigin : std::uint8_t {
  made,     // there was none
  resumed,  // with whatever the process before has left in it
  replaced  // there was a file that is no ring of ours; it was put aside
};

struct OpenedRing {
  RingMemory memory;  // holds a ring: RecordRing::attach() succeeds
  RingOrigin origin = RingOrigin::made;
};

// Nothing when the file cannot be made or mapped, and then `fault` says why. With `replaced` it
// says what was put aside.
std::optional<OpenedRing> open_ring(const StateDir& dir,
                                    std::uint32_t worker,
                                    std::size_t capacity,
                                    std::string& fault);

// A ring that ends with the process, for when there is no state directory.
std::optional<OpenedRing> private_ring(std::uint32_t worker, std::size_t capacity);

// Workers whose rings lie in the directory, ascending: perhaps more than there are now.
std::vector<std::uint32_t> list_rings(const StateDir& dir);
void remove_ring(const StateDir& dir, std::uint32_t worker);

}  // namespace headrace::telemetry
