// Asks the processor and the operating system, once; features.cc keeps the answer.
#pragma once

#include "base/features.h"

namespace fi::cpu {

FeatureMask detect();

}  // namespace fi::cpu
