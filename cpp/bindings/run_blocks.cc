// The rows of the blocks room, callable alone. Arguments of run_kernel and run_reference("blocks"):
//
//   x         (M, K) f32, rows contiguous
//   w         (N, K) f32: the row's blocks that hold a nonzero are stored; whole blocks
//   bias (N,), residual (M, N) with contiguous rows, activation, activation_alpha,
//   activation_beta
//   out       (M, N) with contiguous rows, written in place; made if absent
//   part      groups that a call computes (default: all)
#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "kernels/blocks/blocks.h"
#include "kernels/blocks/pack.h"

namespace fi::bindings {
namespace run_blocks {
namespace {

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "blocks: " + reason);
}

bool has_rows(const py::array& array) {
  return array.shape(1) <= 1 || array.strides(1) == array.itemsize();
}

struct Arguments {
  py::array_t<float> x, w, bias, residual;
  Activation activation;
  int64_t m, n, k;

  explicit Arguments(const py::kwargs& kwargs)
      : x(array_argument<float>(kwargs, "x", 2)),
        w(array_argument<float>(kwargs, "w", 2)),
        bias(array_argument<float>(kwargs, "bias")),
        residual(array_argument<float>(kwargs, "residual")),
        activation(activation_argument(kwargs)) {
    m = x.shape(0);
    k = x.shape(1);
    n = w.shape(0);
    if (w.shape(1) != k || n == 0 || k == 0) refuse("x and w do not fit together");
    if (!has_rows(x)) refuse("the rows of x are not contiguous");
    if (bias.size() && (bias.ndim() != 1 || bias.shape(0) != n)) refuse("bias is (N,)");
    if (residual.size() && (residual.ndim() != 2 || residual.shape(0) != m ||
                            residual.shape(1) != n || !has_rows(residual))) {
      refuse("residual is (M, N) with contiguous rows");
    }
  }
};

AlignedBuffer pack(const Arguments& a, const blocks::Kernel& kernel) {
  const int64_t height = kernel.block_outputs, width = blocks::kBlock / height;
  if (a.n % height != 0 || a.k % width != 0) refuse("w is not made of whole blocks");
  if (kernel.way == blocks::Way::rows && !blocks::rows_reach(a.k, kernel.block_outputs)) {
    refuse("more inputs than the row can tell");
  }
  blocks::BlockRows rows{kernel.block_outputs, a.n, a.k, {0}, {}};
  for (int64_t j = 0; j < a.n; j += height) {
    for (int64_t p = 0; p < a.k; p += width) {
      blocks::Block block{{}, static_cast<int32_t>(p)};
      bool there = false;
      for (int64_t i = 0; i < blocks::kBlock; ++i) {
        block.value[i] = a.w.at(j + i / width, p + i % width);
        there |= block.value[i] != 0;
      }
      if (there) rows.blocks.push_back(block);
    }
    rows.begin.push_back(static_cast<int64_t>(rows.blocks.size()));
  }
  return blocks::pack(rows, kernel.way);
}

py::object run(const blocks::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  py::array_t<float> out = optional_argument(kwargs, "out").is_none()
                               ? py::array_t<float>({a.m, a.n})
                               : array_argument<float>(kwargs, "out", 2);
  if (out.shape(0) != a.m || out.shape(1) != a.n || !has_rows(out)) {
    refuse("out is (M, N) with contiguous rows");
  }
  const AlignedBuffer packed = pack(a, kernel);
  const int64_t element = sizeof(float);
  blocks::Product product{};
  product.w = blocks::matrix_of(packed);
  product.x = a.x.data();
  product.x_stride = a.x.strides(0) / element;
  product.y = out.mutable_data();
  product.y_stride = out.strides(0) / element;
  product.bias = a.bias.size() ? a.bias.data() : nullptr;
  if (a.residual.size()) {
    product.residual = a.residual.data();
    product.residual_stride = a.residual.strides(0) / element;
  }
  product.activation = a.activation;
  const AlignedBuffer scratch(static_cast<int64_t>(blocks::scratch_bytes(kernel, a.k)));
  const int64_t groups = product.w.groups, step = int_argument(kwargs, "part", groups);
  if (step < 1) refuse("bad part");
  for (int64_t g = 0; g < groups; g += step) {
    blocks::run(kernel, product, 0, a.m, g, std::min(groups, g + step), scratch.as<char>());
  }
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  const auto x = double_argument(kwargs, "x"), w = double_argument(kwargs, "w");
  const auto optional = [&](const char* name) {
    return optional_argument(kwargs, name).is_none() ? py::array_t<double>(0)
                                                     : double_argument(kwargs, name);
  };
  const auto bias = optional("bias"), residual = optional("residual");
  py::array_t<double> y({a.m, a.n});
  blocks::reference(a.m, a.n, a.k, x.data(), w.data(), bias.size() ? bias.data() : nullptr,
                    residual.size() ? residual.data() : nullptr, a.activation, y.mutable_data());
  return y;
}

}  // namespace
}  // namespace run_blocks

void bind_run_blocks(py::module_&) {
  using namespace run_blocks;
  const blocks::Table table = blocks::table();
  for (int i = 0; i < table.count; ++i) {
    const blocks::Kernel* row = table.rows[i];
    py::dict extras;
    extras["way"] = row->way == blocks::Way::rows ? "rows" : "pixels";
    extras["block_outputs"] = row->block_outputs;
    extras["most"] = row->most;
    register_kernel(row->info, extras,
                    [row](const py::kwargs& kwargs) { return run(*row, kwargs); });
  }
  register_reference("blocks", &reference);
}

}  // namespace fi::bindings
