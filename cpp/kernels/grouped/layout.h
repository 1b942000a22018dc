// How the outputs of all groups are cut into vectors.
#pragma once

#include "base/inline.h"
#include "kernels/grouped/grouped.h"

namespace fi::grouped {

/// One vector of outputs, in channels from the first: it needs inputs from `input` on (as many as
/// `input_lanes`, if it permutes) and makes `lanes` outputs from `output` on.
struct Part {
  int64_t input, output;
  int input_lanes, lanes;
};

struct Layout {
  Channels channels;
  int lanes;
  int64_t per_vector;  // whole groups of a vector that permutes
  int64_t per_group;   // vectors of a group, otherwise
  int64_t vectors;

  FI_INLINE Layout(const Channels& all, bool permutes, int vector_lanes)
      : channels(all), lanes(vector_lanes) {
    const int64_t widest = all.inputs > all.outputs ? all.inputs : all.outputs;
    per_vector = permutes ? lanes / widest : 1;
    per_group = permutes ? 1 : (all.outputs + lanes - 1) / lanes;
    vectors = (all.groups + per_vector - 1) / per_vector * per_group;
  }
  FI_INLINE Part part(int64_t vector) const {
    const int64_t group = vector / per_group * per_vector, first = vector % per_group * lanes;
    const int64_t left = channels.groups - group, groups = left < per_vector ? left : per_vector;
    const int64_t outputs = groups * channels.outputs - first;
    return {group * channels.inputs, group * channels.outputs + first,
            static_cast<int>(groups * channels.inputs),
            static_cast<int>(outputs < lanes ? outputs : lanes)};
  }
  /// The input of its group that lane `lane` of a vector takes at step k of a tap: lanes of a group
  /// start at different inputs, so that where inputs and outputs are as many, step 0 needs no
  /// permutation.
  FI_INLINE int64_t input_of(bool permutes, int64_t lane, int64_t k) const {
    return permutes ? (lane % channels.outputs + k) % channels.inputs : k;
  }
};

}  // namespace fi::grouped
