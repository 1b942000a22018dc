// x86-64: CPUID for the instructions, XGETBV for the registers that the operating system saves on a
// context switch, arch_prctl for the permission that Linux wants asked before AMX tiles are used.
// ARM64: hwcap. Intel SDM vol. 1, chapters 13 to 15 and 18; Arm ARM, ID_AA64ISAR0/1_EL1 as Linux
// shows them.
#include "cpu/detect.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace fi::cpu {

#if defined(__x86_64__)
namespace {

struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// All zero if the processor does not have this leaf.
Registers cpuid(unsigned leaf, unsigned subleaf) {
  Registers r;
  __get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx);
  return r;
}

uint64_t xgetbv() {
  uint32_t low, high;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return static_cast<uint64_t>(high) << 32 | low;
}

bool bit(unsigned word, int i) { return (word >> i) & 1; }

bool amx_permitted() {
#if defined(__linux__) && defined(SYS_arch_prctl)
  constexpr long kRequestPermission = 0x1023,
                 kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
  return false;
#endif
}

FeatureMask when(bool present, FeatureMask feature) { return present ? feature : 0; }

FeatureMask avx_features(const Registers& one, const Registers& seven, const Registers& seven_one) {
  return when(bit(seven.ebx, 5), feature::avx2) | when(bit(one.ecx, 12), feature::fma) |
         when(bit(one.ecx, 29), feature::f16c) | when(bit(seven_one.eax, 4), feature::avxvnni);
}

FeatureMask avx512_features(const Registers& seven, const Registers& seven_one) {
  return when(bit(seven.ebx, 16), feature::avx512f) | when(bit(seven.ebx, 30), feature::avx512bw) |
         when(bit(seven.ebx, 17), feature::avx512dq) | when(bit(seven.ebx, 31), feature::avx512vl) |
         when(bit(seven.ecx, 11), feature::avx512vnni) |
         when(bit(seven.ecx, 1), feature::avx512vbmi) |
         when(bit(seven.ecx, 12), feature::avx512bitalg) |
         when(bit(seven.ecx, 14), feature::avx512vpopcntdq) |
         when(bit(seven_one.eax, 5), feature::avx512bf16) |
         when(bit(seven.edx, 23), feature::avx512fp16);
}

FeatureMask amx_features(const Registers& seven) {
  return when(bit(seven.edx, 24), feature::amx_tile) | when(bit(seven.edx, 25), feature::amx_int8) |
         when(bit(seven.edx, 22), feature::amx_bf16);
}

}  // namespace

FeatureMask detect() {
  constexpr uint64_t kYmm = 0x6, kZmm = 0xe0, kTiles = 0x60000;  // state bits of XCR0
  const Registers one = cpuid(1, 0), seven = cpuid(7, 0);
  const Registers seven_one = seven.eax >= 1 ? cpuid(7, 1) : Registers{};
  const bool os_saves_avx = bit(one.ecx, 27) && bit(one.ecx, 28) && (xgetbv() & kYmm) == kYmm;
  if (!os_saves_avx) return 0;
  FeatureMask mask = avx_features(one, seven, seven_one);
  if ((xgetbv() & kZmm) != kZmm) return mask;
  mask |= avx512_features(seven, seven_one);
  if ((xgetbv() & kTiles) == kTiles && bit(seven.edx, 24) && amx_permitted())
    mask |= amx_features(seven);
  return mask;
}

#elif defined(__aarch64__)

FeatureMask detect() {
  FeatureMask mask = feature::neon;  // part of ARMv8-A
#if defined(__linux__)
  const unsigned long one = getauxval(AT_HWCAP), two = getauxval(AT_HWCAP2);
  if (one & (1ul << 10)) mask |= feature::neon_fp16;  // HWCAP_ASIMDHP
  if (one & (1ul << 20)) mask |= feature::neon_dot;   // HWCAP_ASIMDDP
  if (one & (1ul << 22)) mask |= feature::sve;        // HWCAP_SVE
  if (two & (1ul << 1)) mask |= feature::sve2;        // HWCAP2_SVE2
  if (two & (1ul << 13)) mask |= feature::neon_i8mm;  // HWCAP2_I8MM
  if (two & (1ul << 14)) mask |= feature::neon_bf16;  // HWCAP2_BF16
#endif
  return mask;
}

#else

FeatureMask detect() { return 0; }

#endif

}  // namespace fi::cpu
