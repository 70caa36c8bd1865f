// For tests of emulated kernels, beside base/testing.h.
#pragma once
#include "base/testing.h"
#include "cuda/launch.h"

namespace pynn::testing {

#define CHECK_OK(call)                                                                             \
  do {                                                                                             \
    const ::pynn::cuda::Status check_status = (call);                                              \
    ::pynn::testing::report(check_status.ok(), __FILE__, __LINE__, #call, check_status.message()); \
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

}  // namespace pynn::testing
