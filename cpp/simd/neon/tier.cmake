set(FI_ARCH_neon "aarch64|arm64|ARM64")
set(FI_FLAGS_neon "")
set(FI_ROOMS_neon gemm codebook im2col direct winograd fft depthwise grouped sparse blocks planar pool eltwise softmax normalize resize peak)
