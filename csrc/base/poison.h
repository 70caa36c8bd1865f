// Marks for the address sanitizer: memory of the arena that nobody may touch. Nothing in other builds.
#pragma once
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define PYNN_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PYNN_ASAN 1
#endif
#endif
#ifdef PYNN_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace pynn {

inline void poison(const void* start, size_t bytes) {
#ifdef PYNN_ASAN
  __asan_poison_memory_region(start, bytes);
#else
  (void)start, (void)bytes;
#endif
}
inline void unpoison(const void* start, size_t bytes) {
#ifdef PYNN_ASAN
  __asan_unpoison_memory_region(start, bytes);
#else
  (void)start, (void)bytes;
#endif
}

}  // namespace pynn
