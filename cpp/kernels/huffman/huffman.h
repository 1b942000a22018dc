// Canonical Huffman code of byte symbols, in interleaved streams.
//
//   block = lengths | sizes | stream 0 | stream 1 | stream 2 | stream 3
//
// lengths: a 4-bit code length (0: the symbol does not occur, at most kMaxLength) for each symbol
// of the alphabet, low nibble first, filled up with zeros to a multiple of 4 bytes. sizes: the
// bytes of each stream, u32, little-endian. Stream s holds symbols [s * q, (s + 1) * q) with q =
// ceil(count / kStreams), the first bit of a code in the highest free bit of a byte; zeros fill its
// last byte. Codes are canonical: shorter ones first, then by symbol; they are complete (Kraft's
// sum is 1). Four streams, since one stream's next symbol waits for the length of the one before.
#pragma once

#include <cstdint>
#include <vector>

namespace fi::huffman {

constexpr int kStreams = 4;
constexpr int kMaxLength =
    12;  // of a code; the decoding table has 2^12 entries of 2 bytes: half of L1

/// Bytes of the lengths and sizes that stand before the streams.
int64_t header_bytes(int alphabet);

/// The block of `count` symbols below `alphabet` (2 to 256); the bytes depend on nothing else.
/// Throws Error(value) for a symbol that is not, or a stream of 4 GiB.
std::vector<uint8_t> encode(const uint8_t* symbols, int64_t count, int alphabet);

/// The symbols of a block. Reads nothing outside `bytes` and writes nothing outside of `symbols`
/// whatever the block holds. Throws Error(value) for sizes that disagree with `bytes`, lengths that
/// are no complete prefix code, and streams that end before or after their last symbol.
void decode(const uint8_t* block, int64_t bytes, uint8_t* symbols, int64_t count, int alphabet);

}  // namespace fi::huffman
