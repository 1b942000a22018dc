# Every object of the core, in the order of the dependency rules.

fi_baseline(base base/dtype.cc base/activation.cc base/activation_reference.cc base/error.cc base/buffer.cc)
fi_baseline(cpu cpu/detect.cc cpu/features.cc cpu/cache.cc cpu/topology.cc)
fi_baseline(simd simd/tier.cc)
fi_baseline(parallel parallel/pool.cc)

fi_baseline(dimensions kernels/dimensions.cc)
fi_baseline(huffman kernels/huffman/code.cc kernels/huffman/encode.cc kernels/huffman/decode.cc)
fi_room(eltwise SOURCES names.cc nest.cc run.cc table.cc ref.cc TIER_SOURCES unary.cc binary.cc)
fi_room(softmax SOURCES run.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(peak SOURCES table.cc measure.cc ref.cc TIER_SOURCES loops.cc)
fi_room(normalize SOURCES layer.cc instance.cc lrn.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(resize SOURCES taps.cc run.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(pool SOURCES run.cc planes.cc global.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(gemm SOURCES gemm.cc choose.cc table.cc ref.cc TIER_SOURCES f32.cc)
fi_room(strided SOURCES iterator.cc row.cc convert.cc copy.cc transpose.cc fill.cc pad.cc elementwise.cc unary.cc
        unary_float.cc binary.cc binary_float.cc binary_signed.cc binary_unsigned.cc fold.cc reduce.cc cumsum.cc
        gather.cc scatter.cc one_hot.cc topk.cc pool_nd.cc dynamic.cc non_max_suppression.cc table.cc)
fi_room(im2col SOURCES offsets.cc mec.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(direct SOURCES run.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(depthwise SOURCES table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(grouped SOURCES pack.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(fft SOURCES run.cc weights.cc cost.cc bound.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(winograd SOURCES run.cc weights.cc bound.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(codebook SOURCES pack.cc run.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(sparse SOURCES run.cc weights.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(blocks SOURCES pack.cc run.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(planar SOURCES table.cc ref.cc TIER_SOURCES kernels.cc)
