// Which kernels compute products, as PYNN_CUDA_PATH or set_path() says.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "kernels/matmul/cuda.h"

namespace pynn::cuda {
namespace {

constexpr const char* kNames[] = {"auto", "simt", "mma", "hopper"};

std::atomic<Path>& chosen() {
  static std::atomic<Path> path = [] {
    const char* name = std::getenv("PYNN_CUDA_PATH");
    Path found = Path::automatic;
    if (name) (void)find_path(name, &found);
    return found;
  }();
  return path;
}

}  // namespace

Path path() { return chosen().load(std::memory_order_relaxed); }
void set_path(Path path) { chosen().store(path, std::memory_order_relaxed); }
const char* path_name(Path path) { return kNames[int(path)]; }
bool find_path(const char* name, Path* path) {
  for (int i = 0; i < 4; ++i) {
    if (std::strcmp(name, kNames[i]) != 0) continue;
    *path = Path(i);
    return true;
  }
  return false;
}

}  // namespace pynn::cuda
