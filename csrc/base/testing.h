// A test program: plain main() over CHECK macros, `return pynn::testing::summary();`.
//
//   int main() {
//     for_each_isa([](const char* isa) { CHECK_EQ(...); });
//     return summary();
//   }
#pragma once
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "base/isa.h"
#include "base/status.h"

namespace pynn {
namespace testing {

struct Counts {
  long passed = 0, failed = 0;
  std::string context;  // printed with a failure: what was being tested
};
inline Counts& counts() {
  static Counts all;
  return all;
}

inline void report(bool ok, const char* file, int line, const char* text, const std::string& detail = "") {
  Counts& all = counts();
  if (ok) {
    ++all.passed;
  } else if (++all.failed <= 40) {
    std::printf("%s:%d: %s%s%s%s%s\n", file, line, text, detail.empty() ? "" : ": ", detail.c_str(),
                all.context.empty() ? "" : " in ", all.context.c_str());
  }
}

inline void set_context(const std::string& text) { counts().context = text; }

inline int summary() {
  std::printf("%ld passed, %ld failed\n", counts().passed, counts().failed);
  return counts().failed == 0 && counts().passed > 0 ? 0 : 1;
}

template <class A, class B>
inline std::string pair_text(const A& a, const B& b) {
  char text[96];
  std::snprintf(text, sizeof text, "%.17g and %.17g", double(a), double(b));
  return text;
}

#define CHECK(condition) ::pynn::testing::report(bool(condition), __FILE__, __LINE__, #condition)
#define CHECK_EQ(a, b)                                                                     \
  do {                                                                                     \
    const auto check_a = (a);                                                              \
    const auto check_b = (b);                                                              \
    ::pynn::testing::report(check_a == check_b, __FILE__, __LINE__, #a " == " #b,          \
                            ::pynn::testing::pair_text(double(check_a), double(check_b))); \
  } while (0)
// Within `tolerance` of each other, or both NaN, or the same infinity.
#define CHECK_CLOSE(a, b, tolerance)                                                                        \
  do {                                                                                                      \
    const double check_a = double(a), check_b = double(b);                                                  \
    ::pynn::testing::report((std::isnan(check_a) && std::isnan(check_b)) || check_a == check_b ||           \
                                std::fabs(check_a - check_b) <= (tolerance),                                \
                            __FILE__, __LINE__, #a " ~ " #b, ::pynn::testing::pair_text(check_a, check_b)); \
  } while (0)

// Whether the last message has this text.
inline bool says(const char* text) {
  if (std::strstr(last_error(), text) != nullptr) return true;
  std::printf("message is: %s\n", last_error());
  return false;
}

// The pynn_dtype of T.
template <class T>
constexpr int dtype_of = sizeof(T) == sizeof(float) ? PYNN_FLOAT32 : PYNN_FLOAT64;

// Distance of `value` from the exact `reference` in units in the last place of T at `reference`;
// 0 where both are NaN or the same infinity.
template <class T>
inline double ulp_error(T value, long double reference) {
  const T rounded = T(reference);
  if (std::isnan(value) || std::isnan(rounded)) return std::isnan(value) && std::isnan(rounded) ? 0 : 1e30;
  if (std::isinf(value) || std::isinf(rounded)) {
    if (value == rounded) return 0;
    const T largest = std::numeric_limits<T>::max();  // one step below infinity is one ulp away
    return std::fabs(double(value)) >= double(largest) && std::fabs(double(rounded)) >= double(largest)
               ? 1
               : 1e30;
  }
  int exponent;
  std::frexp(reference, &exponent);
  const int lowest = std::numeric_limits<T>::min_exponent;
  if (exponent < lowest || reference == 0) exponent = lowest;
  const long double ulp = std::ldexp(1.0L, exponent - std::numeric_limits<T>::digits);
  return double(std::fabs((long double)value - reference) / ulp);
}

// Runs `body(name)` under every ISA of this machine, and puts the first one back.
template <class Body>
inline void for_each_isa(const Body& body) {
  const Isa before = active_isa();
  for (int i = 0; i < kIsaCount; ++i) {
    if (!isa_supported(Isa(i))) continue;
    CHECK(set_isa(Isa(i)));
    set_context(isa_name(Isa(i)));
    body(isa_name(Isa(i)));
    CHECK(active_isa() == Isa(i));
  }
  set_context("");
  set_isa(before);
}

// n elements that end at an unmapped page, with another before them: a read or write past the
// end faults, one just before the start is found by intact(). `offset` elements of slack at the
// end move the start off its usual alignment.
template <class T>
class Guarded {
 public:
  explicit Guarded(int64_t n, int64_t offset = 0) : n_(n), offset_(offset) {
    const size_t page = size_t(sysconf(_SC_PAGESIZE)), bytes = size_t(n + offset) * sizeof(T) + kZone;
    inner_ = (bytes + page - 1) / page * page;
    total_ = inner_ + 2 * page;
    base_ = static_cast<char*>(mmap(nullptr, total_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || mprotect(base_ + page, inner_, PROT_READ | PROT_WRITE) != 0) {
      std::printf("no memory for a guarded buffer of %lld elements\n", (long long)n);
      std::exit(2);
    }
    begin_ = base_ + page;
    std::memset(begin_, 0xA5, inner_);
    data_ = reinterpret_cast<T*>(begin_ + inner_ - size_t(n + offset) * sizeof(T));
    for (int64_t i = 0; i < n; ++i) data_[i] = T();
  }
  ~Guarded() { munmap(base_, total_); }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](int64_t i) { return data_[i]; }
  const T& operator[](int64_t i) const { return data_[i]; }
  int64_t size() const { return n_; }
  bool intact() const {
    for (const char* p = begin_; p < reinterpret_cast<const char*>(data_); ++p) {
      if (static_cast<unsigned char>(*p) != 0xA5) return false;
    }
    for (const char* p = reinterpret_cast<const char*>(data_ + n_); p < begin_ + inner_; ++p) {
      if (static_cast<unsigned char>(*p) != 0xA5) return false;
    }
    return true;
  }

 private:
  static constexpr size_t kZone = 64;
  int64_t n_, offset_;
  size_t inner_, total_;
  char *base_, *begin_;
  T* data_;
};

// Small, seeded, the same everywhere.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t bits() {  // splitmix64
    uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  double uniform(double low = 0, double high = 1) {
    return low + (high - low) * double(bits() >> 11) * 0x1p-53;
  }
  int64_t below(int64_t n) { return int64_t(bits() % uint64_t(n)); }
  double normal() {
    return std::sqrt(-2 * std::log(1 - uniform())) * std::cos(6.283185307179586 * uniform());
  }

 private:
  uint64_t state_;
};

// Calls `body(random)` with random shapes and strides in mind until the time is up, a round a seed, and prints
// the seeds: PYNN_FUZZ_SECONDS (0.2 if unset) bounds it, PYNN_FUZZ_SEED=n starts at a seed that failed.
template <class Body>
inline void fuzz(const Body& body) {
  const char* wanted = std::getenv("PYNN_FUZZ_SEED");
  const char* limit = std::getenv("PYNN_FUZZ_SECONDS");
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  const uint64_t first = wanted ? std::strtoull(wanted, nullptr, 10) : uint64_t(now.tv_sec) * 1000000;
  const double seconds = limit ? std::atof(limit) : 0.2;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const double end = double(now.tv_sec) + 1e-9 * double(now.tv_nsec) + seconds;
  uint64_t seed = first;
  do {
    Random random(seed);
    set_context("fuzz, PYNN_FUZZ_SEED=" + std::to_string(seed));
    body(random);
    ++seed;
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while (double(now.tv_sec) + 1e-9 * double(now.tv_nsec) < end);
  set_context("");
  std::printf("fuzz: seeds %llu to %llu\n", (unsigned long long)first, (unsigned long long)seed - 1);
}

}  // namespace testing
}  // namespace pynn
