#include <algorithm>
#include <cstring>
#include <string>

#include "base/error.h"
#include "kernels/huffman/code.h"

namespace fi::huffman {
namespace {

constexpr int kTableSize = 1 << kMaxLength;
constexpr int kPerRefill = 4;  // codes of kMaxLength that the 56 bits of a refill surely hold

[[noreturn]] void malformed(const char* reason) {
  throw Error(ErrorKind::value, std::string("malformed Huffman code: ") + reason);
}

uint32_t little_endian(const uint8_t* at) {
  return at[0] | at[1] << 8 | at[2] << 16 | static_cast<uint32_t>(at[3]) << 24;
}

uint64_t big_endian(const uint8_t* at) {
  uint64_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return __builtin_bswap64(bits);
}

// What the next kMaxLength bits begin with: the symbol in the low byte, its code's length above it.
using Table = std::array<uint16_t, kTableSize>;

Lengths read_lengths(const uint8_t* block, int alphabet) {
  Lengths lengths{};
  const int nibbles = (alphabet + 7) / 8 * 8;
  for (int s = 0; s < nibbles; ++s) {
    const int length = block[s / 2] >> (s % 2 * 4) & 15;
    if (length > kMaxLength) malformed("a code is too long");
    if (s >= alphabet && length != 0) malformed("a symbol lies outside of its alphabet");
    if (s < alphabet) lengths[static_cast<size_t>(s)] = static_cast<uint8_t>(length);
  }
  if (kraft_sum(lengths) != kTableSize) malformed("its lengths make no complete prefix code");
  return lengths;
}

// Every entry is written, since the code is complete.
void fill(const Lengths& lengths, Table* table) {
  const Codes codes = codes_of(lengths);
  for (size_t s = 0; s < lengths.size(); ++s) {
    if (lengths[s] == 0) continue;
    const int shift = kMaxLength - lengths[s];
    std::fill_n(table->begin() + (codes[s] << shift), 1 << shift,
                static_cast<uint16_t>(lengths[s] << 8 | s));
  }
}

struct Stream {
  const uint8_t* at;  // the next byte that is not in `bits`
  const uint8_t* end;
  uint64_t bits = 0;  // `held` bits, the next one highest; below them bits of *at, or zeros
  int held = 0;
  uint8_t* out;
  uint8_t* out_end;

  // At least 56 bits. Needs 8 readable bytes.
  void refill() {
    bits |= big_endian(at) >> held;
    at += (63 - held) >> 3;
    held |= 56;
  }

  void next(const Table& table) {
    const unsigned entry = table[bits >> (64 - kMaxLength)];
    *out++ = static_cast<uint8_t>(entry);
    bits <<= entry >> 8;
    held -= static_cast<int>(entry >> 8);
  }

  bool is_far_from_its_end() const { return end - at >= 8 && out_end - out >= kPerRefill; }

  // The rest, byte by byte.
  void finish(const Table& table) {
    // Bits below the held ones are of bytes that are still to be read.
    bits = held > 0 ? bits >> (64 - held) << (64 - held) : 0;
    while (out < out_end) {
      while (held <= 56 && at < end) {
        bits |= static_cast<uint64_t>(*at++) << (56 - held);
        held += 8;
      }
      next(table);
      if (held < 0) malformed("a stream ends before its last symbol");
    }
    if (held + 8 * (end - at) >= 8 || bits != 0)
      malformed("a stream goes on after its last symbol");
  }
};

}  // namespace

void decode(const uint8_t* block, int64_t bytes, uint8_t* symbols, int64_t count, int alphabet) {
  const int64_t header = header_bytes(alphabet);
  if (bytes < header) malformed("it is shorter than its header");
  Table table;
  fill(read_lengths(block, alphabet), &table);
  const int64_t quarter = (count + kStreams - 1) / kStreams;
  const uint8_t* at = block + header;
  Stream streams[kStreams];
  for (int64_t s = 0; s < kStreams; ++s) {
    const int64_t size = little_endian(block + header - 4 * kStreams + 4 * s);
    if (size > block + bytes - at) malformed("a stream is longer than the block");
    streams[s].at = at;
    streams[s].end = at += size;
    streams[s].out = symbols + std::min(count, s * quarter);
    streams[s].out_end = symbols + std::min(count, (s + 1) * quarter);
  }
  if (at != block + bytes) malformed("bytes follow its last stream");
  Stream a = streams[0], b = streams[1], c = streams[2], d = streams[3];
  while (a.is_far_from_its_end() && b.is_far_from_its_end() && c.is_far_from_its_end() &&
         d.is_far_from_its_end()) {
    a.refill(), b.refill(), c.refill(), d.refill();
    for (int i = 0; i < kPerRefill; ++i) a.next(table), b.next(table), c.next(table), d.next(table);
  }
  for (Stream* stream : {&a, &b, &c, &d}) stream->finish(table);
}

}  // namespace fi::huffman
