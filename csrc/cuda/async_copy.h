// Copies from global to shared memory that run beside the thread which asks for them (cp.async, sm_80).
#pragma once
#include "cuda/device.h"

#if !defined(__CUDACC__)
#include <unordered_map>
#include <vector>
#endif

namespace pynn::cuda {

#if defined(__CUDACC__)

// 16 bytes to `to`, of which the first `bytes` (0 to 16) come from `from` and the others are zeros. Both are
// aligned to 16 bytes; `from` is a valid address even for 0 bytes.
PYNN_DEVICE void async_copy16(void* to, const void* from, int bytes) {
  const unsigned place = unsigned(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(place), "l"(from), "r"(bytes)
               : "memory");
}

// Ends a group of copies: all that this thread asked for since the last group.
PYNN_DEVICE void async_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most kGroups of this thread's groups are under way.
template <int kGroups>
PYNN_DEVICE void async_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kGroups) : "memory");
}

#else

// Emulated, a copy is made as late as it may be, when its group is waited for: until then the place holds
// NaN.
namespace emulated_copies {
struct Copy {
  unsigned char* to;
  const unsigned char* from;
  int bytes;
};
using Groups = std::vector<std::vector<Copy> >;  // the last one is open
inline Groups& own() {
  static thread_local std::unordered_map<uint64_t, Groups> all;
  const uint64_t thread =
      threadIdx.x + uint64_t(blockDim.x) * (threadIdx.y + uint64_t(blockDim.y) * threadIdx.z);
  Groups& groups = all[uint64_t(reinterpret_cast<uintptr_t>(emulation::dynamic_shared())) << 10 ^ thread];
  if (groups.empty()) groups.emplace_back();
  return groups;
}
}  // namespace emulated_copies

inline void async_copy16(void* to, const void* from, int bytes) {
  if ((reinterpret_cast<uintptr_t>(to) | reinterpret_cast<uintptr_t>(from)) & 15) {
    emulation::stop("async_copy16(): an address is not aligned to 16 bytes (to %p, from %p)", to, from);
  }
  if (bytes < 0 || bytes > 16)
    emulation::stop("async_copy16(): %d bytes asked for, it copies 0 to 16", bytes);
  std::memset(to, 0xff, 16);
  emulated_copies::own().back().push_back(
      {static_cast<unsigned char*>(to), static_cast<const unsigned char*>(from), bytes});
}

inline void async_commit() { emulated_copies::own().emplace_back(); }

template <int kGroups>
inline void async_wait() {
  emulated_copies::Groups& groups = emulated_copies::own();
  while (groups.size() > size_t(kGroups) + 1) {
    for (const emulated_copies::Copy& copy : groups.front()) {
      std::memset(copy.to, 0, 16);
      if (copy.bytes > 0) std::memcpy(copy.to, copy.from, size_t(copy.bytes));
    }
    groups.erase(groups.begin());
  }
}

#endif

}  // namespace pynn::cuda
