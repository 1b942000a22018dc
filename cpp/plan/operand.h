// A tensor of the program as an operator keeps it: where it lives, and its geometry. Addresses come
// with each run.
#pragma once

#include <type_traits>

#include "base/error.h"
#include "base/view.h"
#include "plan/operator.h"
#include "plan/program.h"

namespace fi::plan {

/// A view of any layout; absent if buffer is -1.
struct Operand {
  int buffer = -1;
  int64_t offset_bytes = 0;
  TensorView view;  // data null

  bool present() const { return buffer >= 0; }
  bool empty() const {
    for (int d = 0; d < view.rank; ++d) {
      if (view.shape[d] == 0) return true;
    }
    return false;
  }
  char* data(const RunContext& context) const {
    return present() ? context.buffers[buffer] + offset_bytes : nullptr;
  }
  template <class T>
  T* as(const RunContext& context) const {
    return reinterpret_cast<T*>(data(context));
  }
};

/// A view whose channels are contiguous; absent if buffer is -1.
struct ImageOperand {
  int buffer = -1;
  int64_t offset_bytes = 0;
  Image<float> image;  // data null

  bool present() const { return buffer >= 0; }
  template <class T>
  Image<T> at(const RunContext& context) const {
    T* data = present() ? reinterpret_cast<T*>(context.buffers[buffer] + offset_bytes) : nullptr;
    return {data,           image.batch,        image.height,     image.width,
            image.channels, image.batch_stride, image.row_stride, image.pixel_stride};
  }
  /// Bytes from the first element to the end of the last.
  int64_t extent_bytes() const;
};

/// A view whose rows' pixels are contiguous; absent if buffer is -1.
struct PlanesOperand {
  int buffer = -1;
  int64_t offset_bytes = 0;
  Planes<float> planes;  // data null

  bool present() const { return buffer >= 0; }
  template <class T>
  Planes<T> at(const RunContext& context) const {
    T* data = present() ? reinterpret_cast<T*>(context.buffers[buffer] + offset_bytes) : nullptr;
    return {data,         planes.batch,        planes.channels,     planes.height,
            planes.width, planes.batch_stride, planes.plane_stride, planes.row_stride};
  }
};

/// Input or output `i` of the step; absent where the step has none. `required`: absence is
/// Error(attribute).
Operand input(const Program& program, const Step& step, size_t i, bool required = true);
Operand output(const Program& program, const Step& step, size_t i, bool required = true);

/// The operand as an image: rank 4, f32, channels contiguous. Throws Error(dtype or unsupported)
/// otherwise.
ImageOperand as_image(const Step& step, const Operand& operand);

/// The operand as planes: rank 4, f32, rows contiguous. Throws Error(dtype or unsupported)
/// otherwise.
PlanesOperand as_planes(const Step& step, const Operand& operand);

/// Whether the image's rank, dtype and strides allow as_image.
bool is_image(const Operand& operand);

/// Error of this kind at the step unless `condition`.
void require(bool condition, const Step& step, ErrorKind kind, const std::string& reason);

/// Elements of a view.
int64_t element_count(const TensorView& view);
/// Row-major strides, sizes of 1 aside.
bool is_contiguous(const TensorView& view);
bool same_shape(const TensorView& a, const TensorView& b);

/// Compulsory bytes of a step: what it reads and writes once, weights as stored.
int64_t compulsory_bytes(const Program& program, const Step& step);

}  // namespace fi::plan
