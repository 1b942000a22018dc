// FI_INLINE: inlined at every call, so a tier's object never emits a weak copy of it that the
// linker could prefer over the baseline's (an AVX-512 body would then run on a CPU without
// AVX-512).
#pragma once

#define FI_INLINE __attribute__((always_inline)) inline
