#include "kernels/huffman/code.h"

#include <algorithm>
#include <vector>

namespace fi::huffman {
namespace {

// A coin of the package-merge algorithm (Larmore and Hirschberg 1990): a symbol, or two coins.
struct Coin {
  int64_t weight;
  int symbol;  // -1: a package of coins first and second of the level below
  int first, second;
};
using Level = std::vector<Coin>;

Level merge(const Level& symbols, const Level& below) {
  Level level = symbols;
  for (size_t i = 0; i + 1 < below.size(); i += 2) {
    level.push_back(
        {below[i].weight + below[i + 1].weight, -1, static_cast<int>(i), static_cast<int>(i) + 1});
  }
  std::stable_sort(level.begin(), level.end(),
                   [](const Coin& a, const Coin& b) { return a.weight < b.weight; });
  return level;
}

void count_symbols(const std::vector<Level>& levels, int level, int coin, Lengths* lengths) {
  const Coin& c = levels[static_cast<size_t>(level)][static_cast<size_t>(coin)];
  if (c.symbol >= 0) {
    ++(*lengths)[static_cast<size_t>(c.symbol)];
    return;
  }
  count_symbols(levels, level - 1, c.first, lengths);
  count_symbols(levels, level - 1, c.second, lengths);
}

}  // namespace

Lengths lengths_of(const std::array<int64_t, 256>& frequencies, int alphabet) {
  Level symbols;
  for (int s = 0; s < alphabet; ++s) {
    const int64_t frequency = frequencies[static_cast<size_t>(s)];
    if (frequency > 0) symbols.push_back({frequency, s, 0, 0});
  }
  for (int s = 0; symbols.size() < 2; ++s) {
    if (frequencies[static_cast<size_t>(s)] == 0) symbols.push_back({0, s, 0, 0});
  }
  std::stable_sort(symbols.begin(), symbols.end(),
                   [](const Coin& a, const Coin& b) { return a.weight < b.weight; });
  std::vector<Level> levels{symbols};
  for (int i = 1; i < kMaxLength; ++i) levels.push_back(merge(symbols, levels.back()));
  Lengths lengths{};
  const int taken = 2 * static_cast<int>(symbols.size()) - 2;
  for (int i = 0; i < taken; ++i) count_symbols(levels, kMaxLength - 1, i, &lengths);
  return lengths;
}

int64_t kraft_sum(const Lengths& lengths) {
  int64_t sum = 0;
  for (const uint8_t length : lengths) {
    if (length > 0) sum += int64_t{1} << (kMaxLength - length);
  }
  return sum;
}

Codes codes_of(const Lengths& lengths) {
  Codes codes{};
  unsigned next = 0;
  for (int length = 1; length <= kMaxLength; ++length) {
    next <<= 1;
    for (size_t s = 0; s < lengths.size(); ++s) {
      if (lengths[s] == length) codes[s] = static_cast<uint16_t>(next++);
    }
  }
  return codes;
}

}  // namespace fi::huffman
