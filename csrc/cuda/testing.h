// For tests of emulated kernels, beside base/testing.h.
#pragma once
#include <memory>

#include "base/testing.h"
#include "cuda/launch.h"
#include "cuda/strided.h"

namespace pynn::testing {

#define CHECK_OK(call)                                                                             \
  do {                                                                                             \
    const ::pynn::cuda::Status check_status = (call);                                              \
    ::pynn::testing::report(check_status.ok(), __FILE__, __LINE__, #call, check_status.message()); \
  } while (0)
#define CHECK_CODE(call, code_wanted)                                                        \
  do {                                                                                       \
    const ::pynn::cuda::Status check_status = (call);                                        \
    ::pynn::testing::report(check_status.code() == (code_wanted), __FILE__, __LINE__, #call, \
                            check_status.message());                                         \
  } while (0)

// Runs `body()` with the threads of a block first to last, then last to first.
template <class Body>
void for_each_order(const Body& body) {
  emulation::set_order(emulation::Order::forward);
  body();
  emulation::set_order(emulation::Order::reverse);
  body();
  emulation::set_order(emulation::Order::forward);
}

// ---- element types ----

template <class T>
struct GpuType;
#define PYNN_GPU_TYPE(T, code, error)        \
  template <>                                \
  struct GpuType<T> {                        \
    static constexpr int dtype = code;       \
    static constexpr double epsilon = error; \
  };
PYNN_GPU_TYPE(float, PYNN_FLOAT32, 0x1p-23)
PYNN_GPU_TYPE(double, PYNN_FLOAT64, 0x1p-52)
PYNN_GPU_TYPE(__half, PYNN_FLOAT16, 0x1p-10)
PYNN_GPU_TYPE(__nv_bfloat16, PYNN_BFLOAT16, 0x1p-7)
PYNN_GPU_TYPE(bool, PYNN_BOOL, 0)
PYNN_GPU_TYPE(uint8_t, PYNN_UINT8, 0)
PYNN_GPU_TYPE(int8_t, PYNN_INT8, 0)
PYNN_GPU_TYPE(int16_t, PYNN_INT16, 0)
PYNN_GPU_TYPE(int32_t, PYNN_INT32, 0)
PYNN_GPU_TYPE(int64_t, PYNN_INT64, 0)
#undef PYNN_GPU_TYPE

// body(T()) for the floating-point types.
template <class Body>
void for_each_float(const Body& body) {
  body(float());
  body(double());
  body(__half(0.0f));
  body(__nv_bfloat16(0.0f));
}

// n elements that the kernels may read and write, between guards that intact() checks. `offset` elements move
// the start off its 16-byte alignment.
template <class T>
class GpuArray {
 public:
  explicit GpuArray(int64_t n, int64_t offset = 0)
      : room_((size_t(n + offset) * sizeof(T) + 3 * kZone) / kZone * kZone),
        memory_(static_cast<unsigned char*>(std::aligned_alloc(kZone, room_)), &std::free),
        begin_(memory_.get() + kZone + size_t(offset) * sizeof(T)),
        n_(n) {
    std::memset(memory_.get(), 0xA5, room_);
    for (int64_t i = 0; i < n; ++i) data()[i] = T(0.0f);
  }
  T* data() { return reinterpret_cast<T*>(begin_); }
  const T* data() const { return reinterpret_cast<const T*>(begin_); }
  int64_t size() const { return n_; }
  double at(int64_t i) const { return double(cuda::widen(data()[i])); }
  void set(int64_t i, double value) { data()[i] = cuda::narrow<T>(value); }
  template <class Draw>
  void fill(const Draw& draw) {
    for (int64_t i = 0; i < n_; ++i) set(i, draw());
  }
  bool intact() const {
    const unsigned char* end = begin_ + size_t(n_) * sizeof(T);
    for (const unsigned char* p = memory_.get(); p < begin_; ++p) {
      if (*p != 0xA5) return false;
    }
    for (const unsigned char* p = end; p < memory_.get() + room_; ++p) {
      if (*p != 0xA5) return false;
    }
    return true;
  }
  cuda::Operand operand(const int64_t* byte_strides, int64_t start = 0) const {
    cuda::Operand out;
    out.data = data() + start;
    out.strides = byte_strides;
    out.dtype = GpuType<T>::dtype;
    return out;
  }

 private:
  static constexpr size_t kZone = 64;
  size_t room_;
  std::unique_ptr<unsigned char, void (*)(void*)> memory_;
  unsigned char* begin_;
  int64_t n_;
};

// Memory of that many bytes for a launch, 16-byte aligned, full of NaN; more would be found by intact().
using GpuWorkspace = GpuArray<uint8_t>;

}  // namespace pynn::testing
