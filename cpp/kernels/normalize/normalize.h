// Normalisations in f32:
//
//   layer_norm     y = (x - mean) * inv_std * scale + bias over the trailing axes
//                  inv_std = 1 / sqrt(var + epsilon)
//   instance_norm  the same for each image and channel over its pixels (NHWC)
//   lrn            y(c) = x(c) / (bias + alpha / size * sum of x(j)^2 around c)^beta
//
// Means and variances are taken in two passes, in blocks that f32 sums exactly enough, combined in
// float64. The sum of lrn is over `size` channels: c - (size - 1) / 2 up to c + size / 2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/features.h"
#include "base/view.h"
#include "kernels/kernel.h"

namespace fi::normalize {

/// layer_norm of one row of n contiguous elements.
struct LayerSpan {
  const float* x;
  float* y;                   // may be x
  const float *scale, *bias;  // [n]; bias may be null
  int64_t n;
  float epsilon;
  float *mean, *inv_std;  // one element each, or null
};

/// The moments of each channel over rows x pixels: mean[c], and m2[c] = the sum of squared
/// deviations.
struct MomentsSpan {
  const float* x;
  int64_t rows, row_stride;
  int64_t pixels, pixel_stride, channels;
  float *mean, *m2;
};

/// y(p, c) = (x(p, c) - mean(c)) * scale(c) + bias(c)
struct AffineSpan {
  const float* x;
  float* y;  // may be x
  int64_t pixels, x_stride, y_stride, channels;
  const float *mean, *scale, *bias;
};

/// lrn of the channels of some pixels. `squares`: scratch of channels + size floats.
struct LrnSpan {
  const float* x;
  float* y;  // may be x
  int64_t pixels, x_stride, y_stride, channels;
  int32_t size;
  float alpha, beta, bias;
  float* squares;
};

/// Rows of the table: one per tier and function; the others are null.
enum class Function : uint8_t { layer_norm, instance_norm, lrn };
struct Kernel {
  KernelInfo info;
  Function function;
  void (*layer)(const LayerSpan&);
  void (*moments)(const MomentsSpan&);  // instance_norm
  void (*affine)(const AffineSpan&);    // instance_norm
  void (*lrn)(const LrnSpan&);
};
struct Table {
  const Kernel* const* rows;
  int count;
};
/// Every row compiled for this architecture, best tier first.
Table table();
/// The best row that a CPU with these features can run; never null.
const Kernel* find(Function function, FeatureMask features);

/// layer_norm over the axes [axis, rank) of views without data.
struct LayerNorm {
  const Kernel* kernel = nullptr;
  int rank = 0;  // outer dimensions
  int64_t size[kMaxRank] = {};
  int64_t x_stride[kMaxRank] = {}, y_stride[kMaxRank] = {};
  int64_t n = 0;       // normalised elements
  int inner_rank = 0;  // of the normalised axes, where they are not contiguous
  int64_t inner_size[kMaxRank] = {};
  int64_t x_inner[kMaxRank] = {}, y_inner[kMaxRank] = {};
  bool gathers = false;  // rows go through scratch
  float epsilon = 1e-5f;
  int64_t tasks = 0;  // rows, in row-major order of the outer axes
};
/// x and y: f32, one shape, any strides. Throws Error(shape, dtype or attribute).
LayerNorm prepare_layer_norm(const Kernel& kernel, const TensorView& x, const TensorView& y,
                             int axis, float epsilon);
/// Bytes of scratch for each worker (0 for contiguous rows).
size_t scratch_bytes(const LayerNorm& norm);
/// Rows [begin, end). scale and bias (or null): n dense elements; mean and inv_std: dense [tasks],
/// or null.
void run(const LayerNorm& norm, const float* x, float* y, const float* scale, const float* bias,
         float* mean, float* inv_std, void* scratch, int64_t begin, int64_t end);

/// instance_norm in three stages, so that threads may divide an image without changing a bit of the
/// result: the moments of each chunk of rows; their combination; the application.
struct InstanceNorm {
  const Kernel* kernel;
  Image<const float> x;
  Image<float> y;             // may be x
  const float *scale, *bias;  // [C]
  float epsilon;
};
/// Chunks that each image is cut into: a function of its shape alone, at least 1.
int64_t instance_chunks(int64_t height, int64_t width, int64_t channels);
/// Floats of the workspace that the stages share (not per worker).
int64_t instance_workspace(const Image<const float>& x);
/// Tasks [begin, end) of batch * instance_chunks.
void instance_moments(const InstanceNorm& norm, float* workspace, int64_t begin, int64_t end);
/// Images [begin, end), when all their chunks are there.
void instance_combine(const InstanceNorm& norm, float* workspace, int64_t begin, int64_t end);
/// Rows of y, when their images are combined.
void instance_apply(const InstanceNorm& norm, const float* workspace, const RowRange& rows);

struct Lrn {
  int32_t size = 5;  // channels c - (size - 1) / 2 up to c + size / 2
  float alpha = 1e-4f, beta = 0.75f, bias = 1;
};
/// Bytes of scratch for each worker.
size_t scratch_bytes(const Lrn& lrn, int64_t channels);
/// Rows of y on the calling thread. x and y may be the same image.
void run(const Kernel& kernel, const Lrn& lrn, const Image<const float>& x, const Image<float>& y,
         const RowRange& rows, void* scratch);

/// The references, dense, in float64. bias, mean and inv_std may be null.
void reference_layer_norm(const double* x, double* y, const double* scale, const double* bias,
                          int64_t rows, int64_t n, double epsilon, double* mean, double* inv_std);
void reference_instance_norm(const Image<const double>& x, const Image<double>& y,
                             const double* scale, const double* bias, double epsilon);
void reference_lrn(const Lrn& lrn, const double* x, double* y, int64_t pixels, int64_t channels);

}  // namespace fi::normalize
