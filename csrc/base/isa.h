// Which instruction sets this machine has, and which one the kernels use.
#pragma once

namespace pynn {

// In order of preference: a larger value is a wider ISA.
enum class Isa : int { portable = 0, avx2 = 1, avx512 = 2 };
constexpr int kIsaCount = 3;

const char* isa_name(Isa isa);
bool isa_supported(Isa isa);  // the CPU and the OS have it, and this build has its variants

// Whether the CPU multiplies pairs of bfloat16 (AVX512_BF16), and the ISA in use is the one that goes with it.
bool has_bf16_dot();

// Whether the CPU works 512-bit operations off in two halves (AMD's Zen 4): one multiply-add a cycle, not two, so that
// operands need to come half as fast.
bool halves_512_bits();
void set_halves_512_bits(bool halves);  // for tests: both ways on any machine

// The ISA in use: PYNN_ISA if set and supported, else the best supported one. Read on
// every kernel call (a relaxed load), so tests can force one with set_isa.
Isa active_isa();
bool set_isa(Isa isa);  // false, and nothing changes, when it is not supported

// Why PYNN_ISA was not followed (unknown name, unsupported ISA); "" when there is nothing to say.
const char* isa_note();

}  // namespace pynn

// A family's table of function pointers, one row an ISA:
//   its kernels.inc lists  PYNN_VARIANT(avx512) PYNN_VARIANT(avx2) PYNN_VARIANT(portable)
// (best first, portable last), and each variant file defines `extern const Table table` in
// namespace pynn::<isa>::<family>. Everything in a variant file lives in that namespace:
// a template shared between ISAs may be merged by the linker into its AVX-512 copy.
