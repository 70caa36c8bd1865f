// The library's own functions: version, ISA, threads, memory.
#include <cstring>

#include "base/arena.h"
#include "base/bench_peak.h"
#include "base/isa.h"
#include "base/pool.h"
#include "base/status.h"
#include "pynn/pynn.h"

namespace {

bool find_isa(const char* name, pynn::Isa* isa) {
  for (int i = 0; name != nullptr && i < pynn::kIsaCount; ++i) {
    if (std::strcmp(name, pynn::isa_name(pynn::Isa(i))) == 0) {
      *isa = pynn::Isa(i);
      return true;
    }
  }
  return false;
}

}  // namespace

extern "C" {

const char* pynn_version(void) { return PYNN_VERSION_STRING; }
const char* pynn_compiler(void) { return PYNN_COMPILER_STRING; }
const char* pynn_last_error(void) { return pynn::last_error(); }

const char* pynn_isa(void) { return pynn::isa_name(pynn::active_isa()); }
const char* pynn_isa_note(void) { return pynn::isa_note(); }

int pynn_isa_supported(const char* name) {
  pynn::Isa isa;
  return find_isa(name, &isa) && pynn::isa_supported(isa);
}

pynn_status pynn_set_isa(const char* name) {
  pynn::Isa isa;
  if (!find_isa(name, &isa)) {
    return pynn::fail(PYNN_INVALID, "unknown ISA '%.32s': expected 'portable', 'avx2' or 'avx512'",
                      name == nullptr ? "(null)" : name);
  }
  if (!pynn::set_isa(isa)) {
    return pynn::fail(PYNN_UNSUPPORTED,
                      "ISA '%s' is not supported by this machine or build; '%s' stays in use", name,
                      pynn_isa());
  }
  return PYNN_OK;
}

int pynn_get_num_threads(void) { return pynn::num_threads(); }

pynn_status pynn_set_num_threads(int n) {
  if (n < 1) return pynn::fail(PYNN_INVALID, "number of threads is %d: expected at least 1", n);
  pynn::set_num_threads(n);
  return PYNN_OK;
}

void* pynn_alloc(size_t bytes) { return pynn::arena_alloc(bytes); }
void pynn_free(void* block) { pynn::arena_free(block); }
void pynn_trim(void) { pynn::arena_trim(); }

void pynn_memory_stats(pynn_memory* out) {
  if (out == nullptr) return;
  const pynn::ArenaStats stats = pynn::arena_stats();
  *out = {stats.in_use_bytes, stats.cached_bytes, stats.peak_bytes, stats.allocations, stats.reused};
}

void pynn_memory_reset_peak(void) { pynn::arena_reset_peak(); }
uint64_t pynn_memory_limit(void) { return pynn::arena_limit(); }
void pynn_memory_set_limit(uint64_t bytes) { pynn::arena_set_limit(bytes); }

double pynn_peak_flops(void) { return 1e9 * pynn::bench::peak_gflops(pynn::num_threads()); }

}  // extern "C"
