// For tier sources: the name of a table row, FI_KERNEL_NAME("gemm_f32_8x48") ->
// "gemm_f32_8x48__avx512".
#pragma once

#define FI_TEXT_OF(x) #x
#define FI_TEXT(x) FI_TEXT_OF(x)
#define FI_KERNEL_NAME(stem) stem "__" FI_TEXT(FI_TIER)

/// A lambda that is inlined at every call.
#define FI_INLINE_LAMBDA __attribute__((always_inline))
