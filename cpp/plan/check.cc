#include "plan/check.h"

#include <string>

#include "base/error.h"

namespace fi::plan {
namespace {

// More than any address space holds; byte counts derived from it, padding included, fit 64 bits.
constexpr int64_t kMostElements = 1ll << 48;

[[noreturn]] void malformed(const std::string& node, const std::string& tensor,
                            const std::string& reason) {
  throw Error(ErrorKind::internal, node, tensor, "malformed program: " + reason);
}

bool is_decodable(const Weight& weight) {
  return weight.form != WeightForm::dense || weight.values.data != nullptr ||
         weight.values.bytes == 0;
}

void check_buffer(const Buffer& buffer, size_t number, size_t count) {
  const std::string where = "buffer " + std::to_string(number);
  if (buffer.bytes < 0) malformed("", "", where + " has a negative size");
  const bool external = buffer.kind == BufferKind::input || buffer.kind == BufferKind::output;
  if (external && (buffer.index < 0 || buffer.index >= static_cast<int64_t>(count))) {
    malformed("", "", where + " has no array number below the number of buffers");
  }
  if (buffer.kind != BufferKind::constant) return;
  if (!buffer.weight) malformed("", "", where + " is constant but has no weight");
  int64_t elements = 1;
  for (int64_t size : buffer.weight->shape) {
    if (size < 0 || __builtin_mul_overflow(elements, size, &elements)) {
      malformed("", "", where + " has a weight whose size overflows");
    }
  }
  if (elements > kMostElements || !is_decodable(*buffer.weight) ||
      buffer.bytes > byte_size(buffer.weight->dtype, elements)) {
    malformed("", "", where + " is larger than its weight");
  }
}

// Lowest and highest element that the view touches; false on overflow.
bool extent(const Tensor& tensor, int64_t* low, int64_t* high) {
  *low = *high = tensor.offset;
  for (int d = 0; d < tensor.rank; ++d) {
    int64_t span = 0;
    if (__builtin_mul_overflow(tensor.shape[d] - 1, tensor.stride[d], &span)) return false;
    int64_t* end = span < 0 ? low : high;
    if (__builtin_add_overflow(*end, span, end)) return false;
  }
  return true;
}

void check_tensor(const Tensor& tensor, const std::vector<Buffer>& buffers) {
  if (tensor.rank < 0 || tensor.rank > kMaxRank) malformed("", tensor.name, "its rank is over 8");
  if (tensor.buffer < 0 || tensor.buffer >= static_cast<int>(buffers.size())) {
    malformed("", tensor.name, "it has no buffer");
  }
  int64_t count = 1;
  for (int d = 0; d < tensor.rank; ++d) {
    if (tensor.shape[d] < 0) malformed("", tensor.name, "a size is negative");
    if (__builtin_mul_overflow(count, tensor.shape[d], &count)) {
      malformed("", tensor.name, "its size overflows");
    }
  }
  if (count > kMostElements) malformed("", tensor.name, "its size overflows");
  if (count == 0) return;
  int64_t low = 0, high = 0;
  if (!extent(tensor, &low, &high)) malformed("", tensor.name, "its strides overflow");
  if (low < 0 || high >= kMostElements ||
      byte_size(tensor.dtype, high + 1) > buffers[tensor.buffer].bytes) {
    malformed("", tensor.name, "it reaches outside of its buffer");
  }
}

void check_step(const Step& step, const Program& program) {
  const int tensors = static_cast<int>(program.tensors.size());
  if (step.outputs.empty()) malformed(step.name, "", "a step without output");
  for (int t : step.inputs) {
    if (t < -1 || t >= tensors) malformed(step.name, "", "an input does not exist");
  }
  for (int t : step.outputs) {
    if (t < -1 || t >= tensors) malformed(step.name, "", "an output does not exist");
    if (t == -1) continue;
    const BufferKind kind = program.buffers[program.tensors[t].buffer].kind;
    if (kind == BufferKind::constant || kind == BufferKind::input) {
      malformed(step.name, program.tensors[t].name, "a step writes to what is read-only");
    }
  }
  if (step.outputs[0] == -1) malformed(step.name, "", "the first output is absent");
}

void check_groups(const Program& program) {
  int next = 0;
  for (const Group& group : program.groups) {
    if (group.stripe_rows < 0) malformed("", "", "a group has a negative stripe");
    for (int step : group.steps) {
      if (step != next++) malformed("", "", "groups must hold every step once, in order");
    }
  }
  if (next != static_cast<int>(program.steps.size())) {
    malformed("", "", "groups must hold every step once, in order");
  }
}

}  // namespace

void check(const Program& program) {
  for (size_t i = 0; i < program.buffers.size(); ++i)
    check_buffer(program.buffers[i], i, program.buffers.size());
  for (const Tensor& tensor : program.tensors) check_tensor(tensor, program.buffers);
  for (const Step& step : program.steps) check_step(step, program);
  check_groups(program);
}

}  // namespace fi::plan
