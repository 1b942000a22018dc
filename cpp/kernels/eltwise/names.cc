// Functions by name, as steps and Python spell them.
#include <cstring>

#include "kernels/eltwise/kernel.h"

namespace fi::eltwise {
namespace {

constexpr const char* kUnaryNames[kUnaries] = {
    "relu",         "clamp",      "leaky_relu", "thresholded_relu",
    "elu",          "selu",       "celu",       "sigmoid",
    "hard_sigmoid", "hard_swish", "silu",       "mish",
    "tanh",         "gelu",       "gelu_tanh",  "softplus",
    "softsign",     "erf",        "exp",        "log",
    "sqrt",         "reciprocal", "abs",        "neg",
    "sign",         "floor",      "ceil",       "round"};
constexpr const char* kBinaryNames[kBinaries] = {"add", "sub", "mul", "div",
                                                 "min", "max", "pow", "prelu"};

template <class Function>
bool from_name(const char* const* names, int count, const char* name, Function* out) {
  for (int i = 0; i < count; ++i) {
    if (std::strcmp(names[i], name) != 0) continue;
    *out = static_cast<Function>(i);
    return true;
  }
  return false;
}

}  // namespace

const char* name_of(Unary function) { return kUnaryNames[static_cast<int>(function)]; }
const char* name_of(Binary function) { return kBinaryNames[static_cast<int>(function)]; }

bool unary_from_name(const char* name, Unary* out) {
  return from_name(kUnaryNames, kUnaries, name, out);
}
bool binary_from_name(const char* name, Binary* out) {
  return from_name(kBinaryNames, kBinaries, name, out);
}

}  // namespace fi::eltwise
