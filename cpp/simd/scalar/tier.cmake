# Portable C++ over 128-bit generic vectors: runs on any CPU of the architecture.
set(FI_ARCH_scalar ".*")
set(FI_FLAGS_scalar "")
set(FI_ROOMS_scalar gemm codebook im2col direct winograd fft depthwise grouped sparse blocks planar pool eltwise softmax normalize resize peak)
