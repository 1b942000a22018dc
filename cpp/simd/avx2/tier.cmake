set(FI_ARCH_avx2 "x86_64|AMD64")
set(FI_FLAGS_avx2 -mavx2 -mfma -mf16c)
set(FI_ROOMS_avx2 gemm codebook im2col direct winograd fft depthwise grouped sparse blocks planar pool eltwise softmax normalize resize peak)
