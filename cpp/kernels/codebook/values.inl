// Codes to values. Include after FI_VEC_H.
#pragma once

#include "kernels/codebook/codebook.h"

namespace fi::codebook {
namespace {

/// The values of one kind of code. Bits above the code's own are ignored.
template <Code kCode>
struct Values;

template <>
struct Values<Code::c4> {
  table16 table;
  FI_INLINE explicit Values(const float* values) : table(load_table16(values)) {}
  FI_INLINE f32v at(s32v code) const { return lookup16(table, code); }
};

template <>
struct Values<Code::c5> {
  table32 table;
  FI_INLINE explicit Values(const float* values) : table(load_table32(values)) {}
  FI_INLINE f32v at(s32v code) const { return lookup32(table, code); }
};

template <>
struct Values<Code::c8> {
  const float* table;
  FI_INLINE explicit Values(const float* values) : table(values) {}
  FI_INLINE f32v at(s32v code) const { return gather(table, code); }
};

}  // namespace
}  // namespace fi::codebook
