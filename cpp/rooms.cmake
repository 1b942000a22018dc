# Every object of the core, in the order of the dependency rules.

fi_baseline(base base/dtype.cc base/activation.cc base/activation_reference.cc base/error.cc base/buffer.cc)
fi_baseline(cpu cpu/detect.cc cpu/features.cc cpu/cache.cc cpu/topology.cc)
fi_baseline(simd simd/tier.cc)
fi_baseline(parallel parallel/pool.cc)

fi_baseline(dimensions kernels/dimensions.cc)
fi_room(eltwise SOURCES names.cc nest.cc run.cc table.cc ref.cc TIER_SOURCES unary.cc binary.cc)
fi_room(softmax SOURCES run.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(pool SOURCES run.cc global.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(gemm SOURCES gemm.cc choose.cc table.cc ref.cc TIER_SOURCES f32.cc)
fi_room(im2col SOURCES offsets.cc table.cc ref.cc TIER_SOURCES kernels.cc)
fi_room(depthwise SOURCES table.cc ref.cc TIER_SOURCES kernels.cc)
