// Kernels over the layer shapes of real networks, on one core, as shares of the peak that a
// multiply-add loop reaches on the same core in the same run.
//
//   fastinfer_micro --benchmark_filter='gemm_f32_8x48__avx512.*resnet50'

#include <benchmark/benchmark.h>

#include "layers.h"

int main(int argc, char** argv) {
  fi::micro::register_peak();
  fi::micro::register_gemm();
  fi::micro::register_winograd();
  fi::micro::register_fft();
  fi::micro::register_direct();
  fi::micro::register_depthwise();
  fi::micro::register_grouped();
  fi::micro::register_planar();
  fi::micro::register_sparse();
  fi::micro::register_blocks();
  fi::micro::register_codebook();
  fi::micro::register_huffman();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
