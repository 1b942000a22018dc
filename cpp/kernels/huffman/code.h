// A canonical code by its lengths.
#pragma once

#include <array>
#include <cstdint>

#include "kernels/huffman/huffman.h"

namespace fi::huffman {

using Lengths = std::array<uint8_t, 256>;  // 0: the symbol does not occur
using Codes = std::array<uint16_t, 256>;   // the code in its lowest bits, first bit highest

/// Code lengths of at most kMaxLength for these frequencies. One or no symbol that occurs still
/// makes a complete code, of two symbols.
Lengths lengths_of(const std::array<int64_t, 256>& frequencies, int alphabet);

/// The sum of 2^(kMaxLength - length): 2^kMaxLength for a complete code.
int64_t kraft_sum(const Lengths& lengths);

Codes codes_of(const Lengths& lengths);

}  // namespace fi::huffman
