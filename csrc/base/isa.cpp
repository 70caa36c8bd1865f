#include "base/isa.h"

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#ifdef PYNN_X86
#include <cpuid.h>
#endif

namespace pynn {
namespace {

struct Machine {
  bool supported[kIsaCount] = {true, false, false};
  Isa preferred = Isa::portable;
  bool bf16_dot = false;
  bool halves_512_bits = false;
  char note[256] = "";
};

#ifdef PYNN_X86
uint64_t xcr0() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (uint64_t(high) << 32) | low;
}

// The family AMD's manuals give (Zen 4 is 0x19, Zen 5 0x1a), or 0 for other vendors.
unsigned amd_family() {
  unsigned a, b, c, d;
  if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx) return 0;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return 0;
  return ((a >> 8) & 0xf) + ((a >> 20) & 0xff);
}

void detect_x86(Machine& machine) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d)) return;
  const bool osxsave = c & (1u << 27), fma = c & (1u << 12), f16c = c & (1u << 29), avx = c & (1u << 28);
  if (!osxsave || !avx) return;
  // The OS must save the registers on a context switch: bits 1-2 for ymm, 5-7 for masks and zmm.
  const uint64_t saved = xcr0();
  const bool saves_ymm = (saved & 0x06) == 0x06, saves_zmm = (saved & 0xe6) == 0xe6;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
  const bool avx2 = b & (1u << 5);
  const bool f = b & (1u << 16), dq = b & (1u << 17), bw = b & (1u << 30), vl = b & (1u << 31);
  machine.supported[int(Isa::avx2)] = avx2 && fma && f16c && saves_ymm;
  machine.supported[int(Isa::avx512)] = machine.supported[int(Isa::avx2)] && f && dq && bw && vl && saves_zmm;
  machine.bf16_dot = machine.supported[int(Isa::avx512)] && a >= 1 &&
                     __get_cpuid_count(7, 1, &a, &b, &c, &d) && (a & (1u << 5));
  machine.halves_512_bits = machine.supported[int(Isa::avx512)] && amd_family() == 0x19;
}
#endif

Machine detect() {
  Machine machine;
#ifdef PYNN_X86
  detect_x86(machine);
#endif
  for (int i = 0; i < kIsaCount; ++i) {
    if (machine.supported[i]) machine.preferred = Isa(i);
  }
  const char* wanted = std::getenv("PYNN_ISA");
  if (wanted == nullptr || *wanted == '\0') return machine;
  const char* best = isa_name(machine.preferred);
  for (int i = 0; i < kIsaCount; ++i) {
    if (std::strcmp(wanted, isa_name(Isa(i))) != 0) continue;
    if (machine.supported[i]) {
      machine.preferred = Isa(i);
    } else {
      std::snprintf(machine.note, sizeof machine.note,
                    "PYNN_ISA is '%.32s', which this machine or build does not support; using '%s'", wanted,
                    best);
    }
    return machine;
  }
  std::snprintf(machine.note, sizeof machine.note,
                "PYNN_ISA is '%.32s', which is none of 'portable', 'avx2', 'avx512'; using '%s'", wanted,
                best);
  return machine;
}

const Machine& machine() {
  static const Machine found = detect();
  return found;
}

constexpr int kUndecided = -1;
std::atomic<int> active{kUndecided};
std::atomic<int> halves{kUndecided};

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    case Isa::portable:
      break;
  }
  return "portable";
}

bool isa_supported(Isa isa) {
  const int i = int(isa);
  return i >= 0 && i < kIsaCount && machine().supported[i];
}

bool has_bf16_dot() { return machine().bf16_dot && active_isa() == Isa::avx512; }

bool halves_512_bits() {
  const int set = halves.load(std::memory_order_relaxed);
  return set == kUndecided ? machine().halves_512_bits : set != 0;
}

void set_halves_512_bits(bool value) { halves.store(value); }

Isa active_isa() {
  int isa = active.load(std::memory_order_relaxed);
  if (__builtin_expect(isa == kUndecided, 0)) {
    int expected = kUndecided;
    isa = int(machine().preferred);
    if (!active.compare_exchange_strong(expected, isa)) isa = expected;
  }
  return Isa(isa);
}

bool set_isa(Isa isa) {
  if (!isa_supported(isa)) return false;
  active.store(int(isa));
  return true;
}

const char* isa_note() { return machine().note; }

}  // namespace pynn
