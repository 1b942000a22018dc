#include "kernels/strided/binary_integer.inl"

namespace fi::strided {

DenseLoop unsigned_function(std::string_view name, DType dtype) {
  switch (dtype) {
    case DType::u64:
      return arithmetic<uint64_t>(name);
    case DType::u32:
      return arithmetic<uint32_t>(name);
    case DType::u16:
      return arithmetic<uint16_t>(name);
    default:
      return arithmetic<uint8_t>(name);
  }
}

}  // namespace fi::strided
