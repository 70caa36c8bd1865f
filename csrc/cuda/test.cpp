// The emulation: that it runs what a GPU runs, and finds what a GPU leaves undefined.
#include "base/testing.h"
#include "cuda/cluster.h"
#include "cuda/testing.h"
#include "cuda/warp.h"

using namespace pynn::testing;
using namespace pynn::cuda;

namespace {

bool fails_with(const Status& status, const char* text) {
  const bool found = !status.ok() && status.message().find(text) != std::string::npos;
  if (!found) std::printf("message is: %s\n", status.message().c_str());
  return found;
}

__global__ void places(int* out) {
  const int block = int(blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z));
  const int thread = int(threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z));
  out[block * int(blockDim.x * blockDim.y * blockDim.z) + thread] = block * 1000 + thread;
}
void test_places() {
  int out[2 * 3 * 2 * 24];
  CHECK_OK(launch(&places, dim3(2, 3, 2), dim3(4, 3, 2), 0, nullptr, out));
  for (int i = 0; i < int(sizeof out / sizeof *out); ++i) CHECK_EQ(out[i], i / 24 * 1000 + i % 24);
  CHECK_OK(launch(&places, dim3(0), dim3(4), 0, nullptr, out));
}

// Each thread reads what another wrote before the barrier.
__global__ void rotate(const int* x, int* out) {
  PYNN_DYNAMIC_SHARED(int, shared);
  for (int round = 0; round < 3; ++round) {
    shared[threadIdx.x] = x[threadIdx.x] + round;
    __syncthreads();
    out[threadIdx.x] = shared[(threadIdx.x + 1) % blockDim.x];
    __syncthreads();
  }
}
void test_barrier() {
  int x[96], out[96];
  for (int i = 0; i < 96; ++i) x[i] = i * i;
  CHECK_OK(launch(&rotate, dim3(2), dim3(96), 96 * sizeof(int), nullptr, x, out));
  for (int i = 0; i < 96; ++i) CHECK_EQ(out[i], x[(i + 1) % 96] + 2);
}

__global__ void warp_steps(double* sums, int* ballots, int* ups, unsigned* downs) {
  const int lane = int(threadIdx.x) % 32;
  sums[threadIdx.x] = warp_reduce(double(threadIdx.x), Sum());
  const int odd = __ballot_sync(kAllLanes, lane % 2);
  if (lane == 0) ballots[threadIdx.x / 32] = odd;
  ups[threadIdx.x] = __shfl_up_sync(kAllLanes, lane, 3);
  downs[threadIdx.x] = __shfl_down_sync(kAllLanes, unsigned(lane), 2, 8);
  if (lane < 7) {  // part of a warp
    const int most = __reduce_max_sync(0x7fu, lane);
    if (most != 6) sums[threadIdx.x] = -1;
  }
}
void test_warp() {
  double sums[64];
  int ballots[2], ups[64];
  unsigned downs[64];
  CHECK_OK(launch(&warp_steps, dim3(1), dim3(64), 0, nullptr, sums, ballots, ups, downs));
  for (int i = 0; i < 64; ++i) {
    const int lane = i % 32;
    CHECK_EQ(sums[i], i < 32 ? 496 : 1520);
    CHECK_EQ(ups[i], lane < 3 ? lane : lane - 3);
    CHECK_EQ(downs[i], unsigned(lane % 8 < 6 ? lane + 2 : lane));
  }
  CHECK_EQ(unsigned(ballots[1]), 0xaaaaaaaau);
}

__global__ void block_sum(const float* x, int n, float* out) {
  float own = 0;
  for (int i = int(threadIdx.x); i < n; i += 128) own += x[i];
  own = group_reduce<128>(own, Sum());
  const float again = group_reduce<128>(own, Largest());
  if (threadIdx.x == 77) *out = own + again - own;
}
void test_block_reduce() {
  float x[1000], out = 0;
  for (int i = 0; i < 1000; ++i) x[i] = float(i % 10);
  CHECK_OK(launch(&block_sum, dim3(1), dim3(128), 0, nullptr, x, 1000, &out));
  CHECK_EQ(out, 4500);
}

__global__ void unreached() {
  if (threadIdx.x != 5) __syncthreads();
}
__global__ void parted() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __shfl_sync(kAllLanes, 1, 0);
    named_barrier(1, 64);
  }
}
__global__ void wrong_lane(int* out) {
  if (threadIdx.x < 16) *out = __shfl_sync(0xffffu, 1, 20);
}
__global__ void other_mask(int* out) { *out = __shfl_sync(1u, 1, 0); }
__global__ void mixed_steps(int* out) {
  *out = threadIdx.x < 16 ? __shfl_sync(kAllLanes, 1, 0) : __any_sync(kAllLanes, 1);
}
__global__ void past_the_end() {
  PYNN_DYNAMIC_SHARED(float, shared);
  shared[threadIdx.x + 1] = 1;
}
__global__ void unset(float* out) {
  PYNN_DYNAMIC_SHARED(float, shared);
  *out = shared[threadIdx.x];
}
void test_mistakes() {
  int out = 0;
  float value = 0;
  CHECK(fails_with(launch(&unreached, dim3(1), dim3(64), 0, nullptr), "__syncthreads()"));
  CHECK(fails_with(launch(&parted, dim3(1), dim3(64), 0, nullptr), "waits at"));
  CHECK(fails_with(launch(&wrong_lane, dim3(1), dim3(32), 0, nullptr, &out), "shuffles from lane 20"));
  CHECK(fails_with(launch(&other_mask, dim3(1), dim3(32), 0, nullptr, &out), "its own lane"));
  CHECK(fails_with(launch(&mixed_steps, dim3(1), dim3(32), 0, nullptr, &out), "different steps"));
  CHECK(fails_with(launch(&past_the_end, dim3(1), dim3(32), 32 * sizeof(float), nullptr),
                   "wrote past its 128 bytes"));
  CHECK(fails_with(launch(&unset, dim3(1), dim3(1025), 0, nullptr, &value), "1 to 1024"));
  CHECK(fails_with(launch(&unset, dim3(1, 70000), dim3(1), 0, nullptr, &value), "65535"));
  CHECK(fails_with(launch(&unset, dim3(1), dim3(1), 228 * 1024, nullptr, &value), "232448"));
  CHECK_OK(launch(&unset, dim3(1), dim3(1), 16, nullptr, &value));
  CHECK(std::isnan(value));
  // The next launch is a fresh one.
  CHECK_OK(launch(&block_sum, dim3(1), dim3(128), 0, nullptr, &value, 0, &value));
}

// Whether an unsynchronised read shows depends on the order of threads.
__global__ void race(int* out) {
  PYNN_DYNAMIC_SHARED(int, shared);
  if (threadIdx.x == 0) shared[0] = 7;
  out[threadIdx.x] = shared[0];
}
void test_order() {
  int forward[8], reverse[8];
  pynn::emulation::set_order(pynn::emulation::Order::forward);
  CHECK_OK(launch(&race, dim3(1), dim3(8), sizeof(int), nullptr, forward));
  pynn::emulation::set_order(pynn::emulation::Order::reverse);
  CHECK_OK(launch(&race, dim3(1), dim3(8), sizeof(int), nullptr, reverse));
  pynn::emulation::set_order(pynn::emulation::Order::forward);
  CHECK_EQ(forward[7], 7);
  CHECK(reverse[7] != 7);
}

// Every block adds its part, waits for all, and reads the sum.
__global__ void grid_sum(int* total, int* out) {
  if (threadIdx.x == 0) atomicAdd(total, int(blockIdx.x) + 1);
  grid_sync();
  if (threadIdx.x == 0) out[blockIdx.x] = *total;
}
__global__ void cluster_pass(int* out) {
  PYNN_DYNAMIC_SHARED(int, shared);
  if (threadIdx.x == 0) shared[0] = int(blockIdx.x) * 10;
  cluster_sync();
  const unsigned next = (cluster_rank() + 1) % 2;
  if (threadIdx.x == 0) out[blockIdx.x] = *cluster_shared(shared, next);
  cluster_sync();
}
void test_wide_launches() {
  int total = 0, out[6];
  Configuration how;
  how.grid = dim3(6);
  how.block = dim3(40);
  how.cooperative = true;
  CHECK_OK(launch(&grid_sum, how, &total, out));
  for (int x : out) CHECK_EQ(x, 21);
  how.cooperative = false;
  how.cluster = 2;
  how.shared_bytes = 64;
  CHECK_OK(launch(&cluster_pass, how, out));
  for (int i = 0; i < 6; ++i) CHECK_EQ(out[i], (i ^ 1) * 10);
  how.grid = dim3(5);
  CHECK(fails_with(launch(&cluster_pass, how, out), "clusters of 2"));
}

// A thread that pauses in a loop lets the one it waits for run, whichever comes first.
__global__ void hand_over(unsigned waiting, int* out) {
  PYNN_DYNAMIC_SHARED(volatile int, shared);
  if (threadIdx.x == 0) shared[0] = 0;
  __syncthreads();
  if (threadIdx.x != waiting) {
    shared[0] = 7;
    return;
  }
  while (shared[0] == 0) __nanosleep(20);
  *out = shared[0];
}
void test_pause() {
  for (unsigned waiting : {0u, 1u}) {
    int out = 0;
    CHECK_OK(launch(&hand_over, dim3(1), dim3(2), 64, nullptr, waiting, &out));
    CHECK_EQ(out, 7);
  }
}

void test_halves() {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const __half half = __ushort_as_half(uint16_t(bits));
    const __nv_bfloat16 brain = __ushort_as_bfloat16(uint16_t(bits));
    if (!std::isnan(__half2float(half)))
      CHECK_EQ(__half_as_ushort(__float2half_rn(__half2float(half))), bits);
    if (!std::isnan(__bfloat162float(brain)))
      CHECK_EQ(__bfloat16_as_ushort(__float2bfloat16_rn(__bfloat162float(brain))), bits);
  }
  CHECK_EQ(__half2float(__float2half_rn(2049.0f)), 2048);  // ties to even
  CHECK_EQ(__half2float(__float2half_rn(2051.0f)), 2052);
  CHECK_EQ(__half2float(__float2half_rn(65519.0f)), 65504);
  CHECK(std::isinf(__half2float(__float2half_rn(65520.0f))));
  CHECK_EQ(__half2float(__float2half_rn(0x1.8p-25f)), 0x1p-24f);
  CHECK_EQ(__half2float(__float2half_rn(0x1p-25f)), 0);
  CHECK_EQ(__bfloat162float(__float2bfloat16_rn(257.0f)), 256);
  CHECK_EQ(__bfloat162float(__float2bfloat16_rn(259.0f)), 260);
  CHECK(std::isnan(__half2float(__float2half_rn(NAN))) &&
        std::isnan(__bfloat162float(__float2bfloat16_rn(NAN))));
}

}  // namespace

int main() {
  for_each_order([] {
    test_places();
    test_barrier();
    test_warp();
    test_block_reduce();
    test_mistakes();
    test_wide_launches();
    test_pause();
  });
  test_order();
  test_halves();
  return summary();
}
