#include "plan/operand.h"

#include <algorithm>

#include "base/error.h"

namespace fi::plan {
namespace {

Operand operand_of(const Program& program, int number) {
  const Tensor& tensor = program.tensors[number];
  Operand operand;
  operand.buffer = tensor.buffer;
  operand.offset_bytes = byte_size(tensor.dtype, tensor.offset);
  operand.view.dtype = tensor.dtype;
  operand.view.rank = tensor.rank;
  std::copy_n(tensor.shape, tensor.rank, operand.view.shape);
  std::copy_n(tensor.stride, tensor.rank, operand.view.stride);
  return operand;
}

Operand nth(const Program& program, const Step& step, const std::vector<int>& numbers, size_t i,
            bool required, const char* side) {
  if (i < numbers.size() && numbers[i] >= 0) return operand_of(program, numbers[i]);
  require(!required, step, ErrorKind::internal,
          step.op + " lacks " + side + " " + std::to_string(i));
  return {};
}

}  // namespace

int64_t ImageOperand::extent_bytes() const {
  const int64_t last = (image.batch - 1) * std::max<int64_t>(image.batch_stride, 0) +
                       (image.height - 1) * std::max<int64_t>(image.row_stride, 0) +
                       (image.width - 1) * std::max<int64_t>(image.pixel_stride, 0) +
                       image.channels;
  return last * static_cast<int64_t>(sizeof(float));
}

Operand input(const Program& program, const Step& step, size_t i, bool required) {
  return nth(program, step, step.inputs, i, required, "input");
}

Operand output(const Program& program, const Step& step, size_t i, bool required) {
  return nth(program, step, step.outputs, i, required, "output");
}

bool is_image(const Operand& operand) {
  const TensorView& view = operand.view;
  return view.rank == 4 && view.dtype == DType::f32 && (view.stride[1] == 1 || view.shape[1] <= 1);
}

ImageOperand as_image(const Step& step, const Operand& operand) {
  if (!operand.present()) return {};
  const TensorView& view = operand.view;
  require(view.rank == 4, step, ErrorKind::shape, step.op + " needs tensors of rank 4");
  require(view.dtype == DType::f32, step, ErrorKind::dtype,
          step.op + " needs f32, not " + name_of(view.dtype));
  require(is_image(operand), step, ErrorKind::unsupported, step.op + " needs contiguous channels");
  ImageOperand image{operand.buffer, operand.offset_bytes, {}};
  image.image = {nullptr,       view.shape[0],  view.shape[2],  view.shape[3],
                 view.shape[1], view.stride[0], view.stride[2], view.stride[3]};
  return image;
}

PlanesOperand as_planes(const Step& step, const Operand& operand) {
  if (!operand.present()) return {};
  const TensorView& view = operand.view;
  require(view.rank == 4, step, ErrorKind::shape, step.op + " needs tensors of rank 4");
  require(view.dtype == DType::f32, step, ErrorKind::dtype,
          step.op + " needs f32, not " + name_of(view.dtype));
  require(view.stride[3] == 1 || view.shape[3] <= 1, step, ErrorKind::unsupported,
          step.op + " needs contiguous rows");
  return {operand.buffer,
          operand.offset_bytes,
          {nullptr, view.shape[0], view.shape[1], view.shape[2], view.shape[3], view.stride[0],
           view.stride[1], view.stride[2]}};
}

void require(bool condition, const Step& step, ErrorKind kind, const std::string& reason) {
  if (!condition) throw Error(kind, step.name, "", reason);
}

int64_t element_count(const TensorView& view) {
  int64_t count = 1;
  for (int d = 0; d < view.rank; ++d) count *= view.shape[d];
  return count;
}

bool is_contiguous(const TensorView& view) {
  int64_t expected = 1;
  for (int d = view.rank - 1; d >= 0; --d) {
    if (view.shape[d] != 1 && view.stride[d] != expected) return false;
    expected *= view.shape[d];
  }
  return true;
}

bool same_shape(const TensorView& a, const TensorView& b) {
  return a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

namespace {

/// Of the first input's channels, those that `places` names; 1 if it is absent or empty.
double share_of_channels(const Program& program, const Step& step) {
  const auto found = step.attributes.find("places");
  if (found == step.attributes.end() || step.inputs[0] < 0) return 1;
  const auto* places = std::get_if<std::vector<int64_t>>(&found->second);
  if (!places || places->empty()) return 1;
  return static_cast<double>(places->size()) /
         static_cast<double>(program.tensors[step.inputs[0]].shape[1]);
}

}  // namespace

int64_t compulsory_bytes(const Program& program, const Step& step) {
  int64_t bytes = 0;
  const auto count = [&](int number, double share = 1) {
    if (number < 0) return;
    // An element that a stride of 0 repeats is read once.
    const Tensor& tensor = program.tensors[number];
    int64_t elements = 1;
    for (int d = 0; d < tensor.rank; ++d) {
      if (tensor.stride[d] != 0 || tensor.shape[d] == 0) elements *= tensor.shape[d];
    }
    bytes += static_cast<int64_t>(share * static_cast<double>(byte_size(tensor.dtype, elements)));
  };
  for (size_t i = 0; i < step.inputs.size(); ++i)
    count(step.inputs[i], i == 0 ? share_of_channels(program, step) : 1);
  for (int number : step.outputs) count(number);
  for (const auto& weight : step.weights) {
    if (!weight) continue;
    for (const Span& part : {weight->values, weight->codes, weight->gaps, weight->row_ptr,
                             weight->col_idx, weight->scale}) {
      bytes += part.bytes;
    }
  }
  return bytes;
}

}  // namespace fi::plan
