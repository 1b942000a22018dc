#include "base/dtype.h"

#include <cstring>

namespace fi {
namespace {

constexpr const char* kNames[kDTypes] = {"f64", "f32", "f16",     "bf16", "s64", "s32",
                                         "s16", "s8",  "u64",     "u32",  "u16", "u8",
                                         "s4",  "u4",  "boolean", "bits"};

}  // namespace

const char* name_of(DType t) { return kNames[static_cast<int>(t)]; }

bool dtype_from_name(const char* name, DType* out) {
  for (int i = 0; i < kDTypes; ++i) {
    if (std::strcmp(kNames[i], name) == 0) {
      *out = static_cast<DType>(i);
      return true;
    }
  }
  return false;
}

}  // namespace fi
