#include "kernels/strided/binary_integer.inl"

namespace fi::strided {

DenseLoop signed_function(std::string_view name, DType dtype) {
  switch (dtype) {
    case DType::s64:
      return arithmetic<int64_t>(name);
    case DType::s32:
      return arithmetic<int32_t>(name);
    case DType::s16:
      return arithmetic<int16_t>(name);
    default:
      return arithmetic<int8_t>(name);
  }
}

}  // namespace fi::strided
