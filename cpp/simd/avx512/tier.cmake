# -mprefer-vector-width=512: plain loops of a tier may use its whole width.
set(FI_ARCH_avx512 "x86_64|AMD64")
set(FI_FLAGS_avx512 -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mprefer-vector-width=512)
set(FI_ROOMS_avx512 gemm codebook im2col direct winograd fft depthwise grouped sparse blocks planar pool eltwise softmax normalize resize peak)
