// Instruction-set features as a mask, not a ladder: VNNI without VPOPCNTDQ exists, AVX-VNNI without
// AVX-512 exists.
#pragma once

#include <cstdint>

namespace fi {

using FeatureMask = uint64_t;

namespace feature {
inline constexpr FeatureMask avx2 = 1ull << 0, fma = 1ull << 1, f16c = 1ull << 2,
                             avx512f = 1ull << 3, avx512bw = 1ull << 4, avx512dq = 1ull << 5,
                             avx512vl = 1ull << 6, avx512vnni = 1ull << 7, avx512vbmi = 1ull << 8,
                             avx512bitalg = 1ull << 9, avx512vpopcntdq = 1ull << 10,
                             avx512bf16 = 1ull << 11, avx512fp16 = 1ull << 12, avxvnni = 1ull << 13,
                             amx_tile = 1ull << 14, amx_int8 = 1ull << 15, amx_bf16 = 1ull << 16,
                             neon = 1ull << 32, neon_fp16 = 1ull << 33, neon_dot = 1ull << 34,
                             neon_i8mm = 1ull << 35, neon_bf16 = 1ull << 36, sve = 1ull << 37,
                             sve2 = 1ull << 38;
}  // namespace feature

}  // namespace fi
