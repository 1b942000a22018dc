#include <algorithm>
#include <string>

#include "base/error.h"
#include "kernels/huffman/code.h"

namespace fi::huffman {
namespace {

// Appends codes, first bit highest.
class BitWriter {
 public:
  explicit BitWriter(std::vector<uint8_t>* out) : out_(out) {}

  void put(unsigned code, int length) {
    bits_ = bits_ << length | code;
    count_ += length;
    while (count_ >= 8) {
      count_ -= 8;
      out_->push_back(static_cast<uint8_t>(bits_ >> count_));
    }
  }

  void finish() {
    if (count_ > 0) put(0, 8 - count_);
  }

 private:
  std::vector<uint8_t>* out_;
  uint64_t bits_ = 0;  // the lowest count_ of them are still to be written
  int count_ = 0;
};

void put_lengths(const Lengths& lengths, int alphabet, std::vector<uint8_t>* out) {
  for (int s = 0; s < alphabet; ++s) {
    (*out)[static_cast<size_t>(s) / 2] |=
        static_cast<uint8_t>(lengths[static_cast<size_t>(s)] << (s % 2 * 4));
  }
}

void put_size(int64_t size, int64_t at, std::vector<uint8_t>* out) {
  if (size > UINT32_MAX) throw Error(ErrorKind::value, "a Huffman stream of 4 GiB or more");
  for (int byte = 0; byte < 4; ++byte) {
    (*out)[static_cast<size_t>(at + byte)] = static_cast<uint8_t>(size >> (8 * byte));
  }
}

}  // namespace

int64_t header_bytes(int alphabet) { return (alphabet + 7) / 8 * 4 + 4 * kStreams; }

std::vector<uint8_t> encode(const uint8_t* symbols, int64_t count, int alphabet) {
  std::array<int64_t, 256> frequencies{};
  for (int64_t i = 0; i < count; ++i) {
    if (symbols[i] >= alphabet) {
      throw Error(ErrorKind::value,
                  "symbol " + std::to_string(symbols[i]) + " lies outside of its alphabet");
    }
    ++frequencies[symbols[i]];
  }
  const Lengths lengths = lengths_of(frequencies, alphabet);
  const Codes codes = codes_of(lengths);
  std::vector<uint8_t> out(static_cast<size_t>(header_bytes(alphabet)));
  put_lengths(lengths, alphabet, &out);
  const int64_t quarter = (count + kStreams - 1) / kStreams;
  for (int64_t stream = 0; stream < kStreams; ++stream) {
    const auto begin = static_cast<int64_t>(out.size());
    BitWriter writer(&out);
    const int64_t end = std::min(count, (stream + 1) * quarter);
    for (int64_t i = stream * quarter; i < end; ++i) {
      writer.put(codes[symbols[i]], lengths[symbols[i]]);
    }
    writer.finish();
    put_size(static_cast<int64_t>(out.size()) - begin,
             header_bytes(alphabet) - 4 * kStreams + 4 * stream, &out);
  }
  return out;
}

}  // namespace fi::huffman
