// A program is checked whole before anything of it is used: a malformed one is an error, never a
// crash.
#pragma once

#include "plan/program.h"

namespace fi::plan {

/// Throws Error unless every number refers to something, every tensor lies inside its buffer, sizes
/// do not overflow, no step writes a constant or an input, and groups hold each step once, in
/// order.
void check(const Program& program);

}  // namespace fi::plan
