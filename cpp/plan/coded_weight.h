// What the codebook room can make of a stored weight, and its packing.
#pragma once

#include <string>
#include <vector>

#include "base/buffer.h"
#include "kernels/codebook/codebook.h"
#include "plan/weight.h"

namespace fi::plan {

/// A matrix as a product's right-hand side. transposed: rows of the stored matrix are outputs.
struct CodedWeight {
  const Weight* weight;
  bool transposed;
  int64_t outputs, inputs;
  double density;            // weights that are there, of all; estimated where nothing counts them
  std::vector<float> table;  // the room's codes to values, entry 0 being 0; empty: has no codes
  std::vector<uint8_t> codes;  // stored codes to the room's
  codebook::Code gapped_code, coded_code;
  std::string no_gapped, no_coded, no_windowed;  // why a form cannot be made; empty: it can
};

CodedWeight coded_weight(const Weight& weight, bool transposed);

/// Throws Error(value) for a malformed weight.
AlignedBuffer pack_gapped(const CodedWeight& coded);
AlignedBuffer pack_windowed(const CodedWeight& coded);
AlignedBuffer pack_coded(const CodedWeight& coded, int group_outputs);

/// The factor of each output: the weight's own (scaled, bits) times alpha; empty if all are 1.
std::vector<float> output_scale(const CodedWeight& coded, float alpha);

}  // namespace fi::plan
