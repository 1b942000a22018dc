#include "kernels/strided/strided.h"

namespace fi::strided {
namespace {

constexpr KernelInfo row(const char* name, DType rhs, DType dst) {
  return {name, "strided", Tier::scalar, DType::f32, rhs, dst};
}

constexpr DType f32 = DType::f32, s64 = DType::s64;

/// The dtypes are those of the usual case; every row takes all.
constexpr KernelInfo kRows[] = {
    row("strided_copy__scalar", f32, f32),       row("strided_fill__scalar", f32, f32),
    row("strided_where__scalar", f32, f32),      row("strided_trilu__scalar", f32, f32),
    row("strided_pad__scalar", f32, f32),        row("strided_unary__scalar", f32, f32),
    row("strided_binary__scalar", f32, f32),     row("strided_reduce__scalar", f32, f32),
    row("strided_arg_reduce__scalar", f32, s64), row("strided_cumsum__scalar", f32, f32),
    row("strided_gather__scalar", s64, f32),     row("strided_gather_elements__scalar", s64, f32),
    row("strided_gather_nd__scalar", s64, f32),  row("strided_scatter_elements__scalar", s64, f32),
    row("strided_scatter_nd__scalar", s64, f32), row("strided_one_hot__scalar", f32, f32),
    row("strided_topk__scalar", f32, f32),       row("strided_pool_nd__scalar", f32, f32),
};

}  // namespace

Table table() { return {kRows, static_cast<int>(sizeof kRows / sizeof kRows[0])}; }

}  // namespace fi::strided
