// What the kernel knows and liburing 2.3 has no name for, each with the kernel version it came with
// and the feature bit that guards it; and what older kernels lack, so that `io.compat: 6.1` can
// hide it. Nothing else in the tree writes such numbers down.
#pragma once

#include <cstdint>

namespace headrace::io::uring {

// Kernel 6.15: a thread that waits in io_uring_enter is not counted as waiting for a disk. Without
// it an idle worker shows 100 % iowait.
inline constexpr std::uint32_t kFeatureNoIowait = 1u << 17;
inline constexpr std::uint32_t kEnterNoIowait = 1u << 7;

// Kernel 6.3: io_uring_register by a registered ring descriptor; the last bit that 6.1 lacks comes
// before it.
inline constexpr std::uint32_t kFeaturesOf61 = (1u << 13) - 1;

// The oldest kernel that has everything we rely on: deferred task work (6.1), multishot receive
// (6.0).
inline constexpr unsigned kKernelMajor = 6;
inline constexpr unsigned kKernelMinor = 1;

}  // namespace headrace::io::uring
