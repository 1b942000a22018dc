#include "kernels/dimensions.h"

#include "base/error.h"

namespace fi {

void check_f32_views(const TensorView* const* operands, int count) {
  const TensorView& result = *operands[count - 1];
  for (int k = 0; k < count; ++k) {
    if (operands[k]->dtype != DType::f32) throw Error(ErrorKind::dtype, "operand is not f32");
    const bool same = operands[k]->rank == result.rank &&
                      std::equal(result.shape, result.shape + result.rank, operands[k]->shape);
    if (!same) throw Error(ErrorKind::shape, "operands differ in shape");
  }
  if (std::count(result.shape, result.shape + result.rank, 0) > 0) return;
  for (int d = 0; d < result.rank; ++d) {
    if (result.shape[d] > 1 && result.stride[d] == 0) {
      throw Error(ErrorKind::shape, "the result overlaps itself");
    }
  }
}

}  // namespace fi
