// Decoding Huffman codes, by alphabet and number of symbols: the codes of 4, 5 and 8 bits that
// shared weights have, of which values near zero are most frequent.

#include "kernels/huffman/huffman.h"

#include <algorithm>
#include <cmath>

#include "layers.h"

namespace fi::micro {
namespace {

/// Quantized normal values: 3 standard deviations are the ends of the alphabet.
std::vector<uint8_t> symbols_of(int64_t count, int alphabet) {
  const AlignedBuffer normal = random_floats(count);
  std::vector<uint8_t> symbols(static_cast<size_t>(count));
  const float half = static_cast<float>(alphabet) / 2;
  for (int64_t i = 0; i < count; ++i) {
    const float at = half + normal.as<float>()[i] * half / 3;
    symbols[static_cast<size_t>(i)] =
        static_cast<uint8_t>(std::clamp(std::floor(at), 0.0f, static_cast<float>(alphabet - 1)));
  }
  return symbols;
}

void run_decode(benchmark::State& state, int alphabet, int64_t count) {
  std::vector<uint8_t> symbols = symbols_of(count, alphabet);
  const std::vector<uint8_t> block = huffman::encode(symbols.data(), count, alphabet);
  const auto bytes = static_cast<int64_t>(block.size());
  for (auto _ : state) {
    huffman::decode(block.data(), bytes, symbols.data(), count, alphabet);
    benchmark::ClobberMemory();
  }
  rate(state, "symbols/s", static_cast<double>(count));
  rate(state, "B/s", static_cast<double>(bytes));  // of code
  state.counters["bits"] = 8 * static_cast<double>(bytes) / static_cast<double>(count);
}

}  // namespace

void register_huffman() {
  for (const int alphabet : {16, 32, 256}) {
    for (const int64_t count : {int64_t{1} << 14, int64_t{1} << 18, int64_t{1} << 22}) {
      const std::string name =
          "huffman_decode/" + std::to_string(alphabet) + "/" + std::to_string(count);
      benchmark::RegisterBenchmark(name.c_str(), run_decode, alphabet, count);
    }
  }
}

}  // namespace fi::micro
