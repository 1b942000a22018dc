# The plan: what prepares and runs programs, and one file per family of operators.
fi_baseline(plan plan/weight.cc plan/coded_weight.cc plan/block_weight.cc plan/weight_cache.cc plan/arena.cc plan/in_place.cc plan/check.cc plan/choose.cc plan/choose_winograd.cc plan/choose_fft.cc plan/choose_planar.cc plan/choose_blocks.cc plan/choose_product.cc plan/choose_grouped.cc plan/choose_lowered.cc plan/choose_direct.cc plan/attributes.cc
  plan/operand.cc plan/operators.cc plan/stripes.cc plan/plan.cc plan/prepare.cc)
fi_baseline(plan_ops plan/ops/conv.cc plan/ops/conv_filter.cc plan/ops/conv_gemm.cc plan/ops/conv_depthwise.cc
  plan/ops/conv_winograd.cc plan/ops/conv_fft.cc plan/ops/conv_planar.cc plan/ops/conv_mec.cc plan/ops/conv_means.cc plan/ops/conv_direct.cc plan/ops/conv_interleaved.cc plan/ops/conv_grouped.cc
  plan/ops/conv_transpose.cc plan/ops/conv_blocks.cc plan/ops/matmul_blocks.cc plan/ops/matmul.cc plan/ops/matmul_problem.cc plan/ops/matmul_naive.cc plan/ops/matmul_coded.cc plan/ops/pool.cc
  plan/ops/eltwise.cc plan/ops/normalize.cc plan/ops/resize.cc plan/ops/strided_operator.cc plan/ops/movement.cc
  plan/ops/indexing.cc plan/ops/reduce.cc)
