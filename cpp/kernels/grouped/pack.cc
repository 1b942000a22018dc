// The packing that all rows share.
#include "kernels/grouped/layout.h"

namespace fi::grouped {

size_t packed_bytes(const Kernel& kernel, int64_t taps, const Channels& channels) {
  const Layout layout(channels, kernel.permutes, kernel.lanes);
  return static_cast<size_t>(layout.vectors * taps * channels.inputs * kernel.lanes) *
         sizeof(float);
}

void pack(const Kernel& kernel, const float* weights, const Window& window,
          const Channels& channels, float* packed) {
  const Layout layout(channels, kernel.permutes, kernel.lanes);
  const int64_t taps = window.taps(), inputs = channels.inputs;
  // Rows made for a window take a row of taps together, for each input; the others each tap alone.
  const int64_t together = kernel.kernel == 0 ? 1 : kernel.kernel;
  for (int64_t v = 0; v < layout.vectors; ++v) {
    const Part part = layout.part(v);
    for (int64_t tap = 0; tap < taps; tap += together) {
      for (int64_t k = 0; k < inputs; ++k) {
        for (int64_t j = 0; j < together; ++j) {
          for (int64_t lane = 0; lane < kernel.lanes; ++lane) {
            const int64_t input = layout.input_of(kernel.permutes, lane, k);
            const int64_t from = ((part.output + lane) * inputs + input) * taps + tap + j;
            *packed++ = lane < part.lanes ? weights[from] : 0.0f;
          }
        }
      }
    }
  }
}

}  // namespace fi::grouped
