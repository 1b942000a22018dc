#include "base/activation.h"

#include <cstring>
#include <iterator>

namespace fi {
namespace {

constexpr const char* kNames[] = {"none",       "clamp", "leaky_relu", "sigmoid", "hard_sigmoid",
                                  "hard_swish", "silu",  "tanh",       "elu",     "gelu"};

}  // namespace

const char* name_of(ActivationKind kind) { return kNames[static_cast<int>(kind)]; }

bool activation_from_name(const char* name, ActivationKind* out) {
  for (int i = 0; i < static_cast<int>(std::size(kNames)); ++i) {
    if (std::strcmp(kNames[i], name) == 0) {
      *out = static_cast<ActivationKind>(i);
      return true;
    }
  }
  return false;
}

}  // namespace fi
