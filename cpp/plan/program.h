// The records that Python lowers a graph to. Plain data: nothing here runs. The Python side of the
// same records is python/fastinfer/plan/records.py.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "base/dtype.h"
#include "base/view.h"
#include "plan/weight.h"

namespace fi::plan {

enum class BufferKind : uint8_t { arena, input, output, constant };

/// Where elements live. Tensors of one buffer are views of it (Concat, Split, Reshape and Transpose
/// cost nothing).
struct Buffer {
  BufferKind kind = BufferKind::arena;
  int64_t bytes = 0;
  int index = -1;                        // input, output: its number
  std::shared_ptr<const Weight> weight;  // constant: dense
};

enum class Layout : uint8_t {
  plain,
  nhwc
};  // plain: row-major in logical axis order (4-D: NCHW, planar)

struct Tensor {
  std::string name;
  DType dtype = DType::f32;
  Layout layout = Layout::plain;
  int rank = 0;
  int64_t shape[kMaxRank] = {};
  int64_t stride[kMaxRank] = {};  // elements
  int64_t offset = 0;             // elements from the buffer's start: channel offset and the like
  int buffer = -1;
  float scale = 0;  // quantized tensors; 0 otherwise
  int32_t zero_point = 0;
};

using Attribute =
    std::variant<bool, int64_t, double, std::string, std::vector<int64_t>, std::vector<double>>;

struct Step {
  std::string op;           // a name in the operator registry (plan/operator.h)
  std::string name;         // the graph nodes that it comes from
  std::vector<int> inputs;  // tensors; -1: absent
  std::vector<int> outputs;
  std::vector<std::shared_ptr<const Weight>>
      weights;  // in the form they are stored in; null: absent
  std::map<std::string, Attribute> attributes;
};

/// Steps run together, stripe by stripe: stripe_rows output rows of the last step at a time (0: all
/// at once).
struct Group {
  std::vector<int> steps;
  int64_t stripe_rows = 0;
};

struct Program {
  std::vector<Tensor> tensors;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  std::vector<Group> groups;
};

}  // namespace fi::plan
