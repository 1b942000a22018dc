// The f32 tiles of each tier, as X(mr, nr): nr in whole vectors. Accumulators, one row of rhs and a
// broadcast must fit the registers (32 on AVX-512 and NEON, 16 elsewhere), and mr row addresses the
// integer registers (so mr <= 8). Wide tiles of few rows stream the rhs: fully connected layers of
// small batches.
#pragma once

#define FI_F32_TILES_avx512(X) X(8, 48) X(8, 32) X(8, 16) X(4, 96)
#define FI_F32_TILES_avx2(X) X(6, 16) X(4, 24) X(2, 32)
#define FI_F32_TILES_neon(X) X(8, 8) X(6, 16) X(2, 32)
#define FI_F32_TILES_scalar(X) X(4, 8) X(1, 24)
