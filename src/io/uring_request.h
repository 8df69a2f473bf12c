// How a completion finds its way home: the user data of a request is the address of the object it
// belongs to, with the kind of the request in the low bits. No data: nobody waits for it.
#pragma once

#include <cstdint>

#include "io/socket.h"

namespace headrace::io::uring {

inline constexpr std::uint64_t kNobody = 0;
inline constexpr std::uint64_t kKindMask = 7;
static_assert(static_cast<std::uint64_t>(Op::Kind::wake) <= kKindMask);
static_assert(alignof(Socket) > kKindMask);
static_assert(alignof(Listener) > kKindMask);

template <typename T>
std::uint64_t name_of(T& object, Op::Kind kind) {
  return reinterpret_cast<std::uintptr_t>(&object) | static_cast<std::uint64_t>(kind);
}

template <typename T>
T& object_of(std::uint64_t name) {
  return *reinterpret_cast<T*>(name & ~kKindMask);
}

inline Op::Kind kind_of(std::uint64_t name) {
  return static_cast<Op::Kind>(name & kKindMask);
}

}  // namespace headrace::io::uring
