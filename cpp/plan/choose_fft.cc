#include "plan/choose_fft.h"

#include <cstdio>

namespace fi::plan {
namespace {

constexpr int64_t kLeastExtent = 5;
/// Spectra that are worth their memory without being asked for.
constexpr int64_t kMostSpectrumBytes = 128 << 20;

std::string refusal_of(const ConvQuery& q, const fft::Shape& shape) {
  const Window& w = q.window;
  if (q.in_channels == 0 || q.out_channels == 0) return "there are no channels";
  if (shape.extent_h < kLeastExtent || shape.extent_w < kLeastExtent)
    return "the window is below 5x5";
  if (shape.extent_h > fft::kMostExtent || shape.extent_w > fft::kMostExtent)
    return "the window is over 31x31";
  if (w.stride_h != 1 || w.stride_w != 1) return "a stride skips pixels";
  if (!q.constant_weights) return "the weights are not constant";
  return "";
}

}  // namespace

fft::Shape fft_shape(const ConvQuery& q) {
  const Window& w = q.window;
  return {q.batch,
          q.out_height,
          q.out_width,
          q.in_channels,
          q.out_channels,
          q.groups,
          static_cast<int64_t>(w.kernel_h - 1) * w.dilation_h + 1,
          static_cast<int64_t>(w.kernel_w - 1) * w.dilation_w + 1};
}

Candidate fft_candidate(const ConvQuery& q, const Machine& machine) {
  const fft::Shape shape = fft_shape(q);
  Candidate c{"fft", 0, refusal_of(q, shape)};
  if (!c.refusal.empty()) return c;
  const int t = fft::best_tile(shape, machine.macs_per_cycle);
  c.cycles = fft::cycles(t, shape, machine.macs_per_cycle);
  c.expect_error(fft::expected_error(t, shape.group_inputs()));
  const int64_t bytes = fft::spectrum_bytes(t, shape);
  if (bytes > kMostSpectrumBytes) {
    char text[96];
    std::snprintf(text, sizeof text, "the spectra of the weights take %lld MB",
                  static_cast<long long>(bytes >> 20));
    c.inaccurate = text;
  }
  // Sums of integers, as in binary networks, are exact in the other algorithms; here they are not.
  if (q.thresholded) c.inaccurate = "a step function follows, which its rounding may tip";
  return c;
}

}  // namespace fi::plan
