// The ring of input rows, and the loop over output rows.
#include <algorithm>
#include <cstring>

#include "base/buffer.h"
#include "kernels/direct/direct.h"

namespace fi::direct {
namespace {

constexpr int64_t kFloat = sizeof(float);

/// Input rows as the kernel reads them: row y of the image in slot y % span, and one row of zeros.
class Ring {
 public:
  Ring(const Layer& layer, const Input& input, char* scratch)
      : layer_(layer),
        input_(input),
        rows_(reinterpret_cast<float*>(scratch)),
        zeros_(rows_ + layer.span() * layer.row_floats()) {
    std::fill_n(zeros_, layer.row_floats(), 0.0f);
  }

  void start(int64_t image) {
    image_ = input_.data + image * input_.batch_stride;
    next_ = INT64_MIN;
  }

  /// Copies what the window at `top` reads and is not there yet; tops come in rising order.
  void advance(int64_t top) {
    const int64_t end = std::min(top + layer_.span(), input_.height);
    for (int64_t y = std::max({next_, top, int64_t{0}}); y < end; ++y) copy(y);
    next_ = std::max(next_, end);
  }

  const float* row(int64_t y) const { return y < 0 || y >= input_.height ? zeros_ : slot(y); }

 private:
  float* slot(int64_t y) const { return rows_ + y % layer_.span() * layer_.row_floats(); }

  void copy(int64_t y) const {
    const float* from = image_ + y * input_.row_stride;
    if (layer_.planar) {
      for (int64_t c = 0; c < layer_.channels; ++c)
        copy_line(from + c * input_.channel_stride, 1, slot(y) + c * layer_.columns);
    } else {
      copy_line(from, layer_.channels, slot(y));
    }
  }

  /// One line of pixels of `depth` floats, zeros beside it.
  void copy_line(const float* from, int64_t depth, float* to) const {
    const int64_t first = -static_cast<int64_t>(layer_.window.pad_left);  // column of to[0]
    const int64_t begin = std::clamp<int64_t>(-first, 0, layer_.columns);
    const int64_t end = std::clamp<int64_t>(input_.width - first, begin, layer_.columns);
    std::fill(to, to + begin * depth, 0.0f);
    from += (first + begin) * input_.pixel_stride;
    if (input_.pixel_stride == depth) {
      std::memcpy(to + begin * depth, from, static_cast<size_t>((end - begin) * depth * kFloat));
    } else {
      for (int64_t x = begin; x < end; ++x, from += input_.pixel_stride)
        std::copy_n(from, depth, to + x * depth);
    }
    std::fill(to + end * depth, to + layer_.columns * depth, 0.0f);
  }

  const Layer& layer_;
  const Input& input_;
  float* const rows_;
  float* const zeros_;
  const float* image_ = nullptr;
  int64_t next_ = 0;  // rows before it have been copied
};

/// The runs of the window at row `top`: of its rows, (of channels,) and of taps where they are
/// apart.
void find_runs(const Layer& layer, const Ring& ring, int64_t top, const float** runs) {
  const Window& w = layer.window;
  const int64_t lines = layer.planar ? layer.channels : 1;
  const int64_t pixel = layer.planar ? 1 : layer.channels;
  for (int64_t i = 0; i < w.kernel_h; ++i) {
    const float* row = ring.row(top + i * w.dilation_h);
    for (int64_t c = 0; c < lines; ++c, row += layer.columns) {
      for (int64_t j = 0; j < w.kernel_w; j += layer.taps_of_run())
        *runs++ = row + j * w.dilation_w * pixel;
    }
  }
}

int64_t rows_bytes(const Layer& layer) {
  return align_up((layer.span() + 1) * layer.row_floats() * kFloat);
}

}  // namespace

Layer layer_of(const Kernel& kernel, const Window& window, int64_t channels, int64_t outputs,
               int64_t out_width, bool planar) {
  const int64_t tiles = (out_width + kernel.mr - 1) / kernel.mr;
  const int64_t last = std::max<int64_t>(tiles * kernel.mr - 1, 0) * window.stride_w;
  return {&kernel,  window,
          channels, outputs,
          planar,   last + static_cast<int64_t>(window.kernel_w - 1) * window.dilation_w + 1};
}

size_t packed_bytes(const Layer& layer) {
  const int64_t nr = layer.kernel->nr, panels = (layer.outputs + nr - 1) / nr;
  return static_cast<size_t>(panels * nr * layer.window.taps() * layer.channels * kFloat);
}

void pack_weights(const Layer& layer, const WeightView& weights, float* packed) {
  const Window& w = layer.window;
  const int64_t nr = layer.kernel->nr;
  const int64_t runs = layer.run_count() / w.kernel_h, length = layer.run_length();
  for (int64_t panel = 0; panel < layer.outputs; panel += nr) {
    for (int64_t i = 0; i < w.kernel_h; ++i) {
      for (int64_t k = 0; k < runs * length; ++k) {
        // Planar runs go channel by channel, the others tap by tap.
        const int64_t c = layer.planar ? k / w.kernel_w : k % layer.channels;
        const int64_t j = layer.planar ? k % w.kernel_w : k / layer.channels;
        const float* at = weights.data + c * weights.in + i * weights.row + j * weights.column;
        for (int64_t o = panel; o < panel + nr; ++o)
          *packed++ = o < layer.outputs ? at[o * weights.out] : 0.0f;
      }
    }
  }
}

size_t scratch_bytes(const Layer& layer) {
  return static_cast<size_t>(rows_bytes(layer) +
                             layer.run_count() * static_cast<int64_t>(sizeof(float*)));
}

void run(const Layer& layer, const Convolution& convolution, const float* packed, char* scratch) {
  const Image<float>& y = convolution.output;
  const Image<const float>& residual = convolution.residual;
  const float** runs = reinterpret_cast<const float**>(scratch + rows_bytes(layer));
  const int64_t pixel = layer.planar ? 1 : layer.channels;
  Row row{runs,
          layer.run_count(),
          layer.run_length(),
          layer.window.stride_w * pixel,
          y.width,
          layer.outputs,
          packed,
          convolution.bias,
          nullptr,
          nullptr,
          residual.pixel_stride,
          y.pixel_stride,
          convolution.activation};
  Ring ring(layer, convolution.input, scratch);
  for (int64_t n = convolution.rows.batch_begin; n < convolution.rows.batch_end; ++n) {
    ring.start(n);
    for (int64_t oy = convolution.rows.begin; oy < convolution.rows.end; ++oy) {
      const int64_t top = oy * layer.window.stride_h - layer.window.pad_top;
      ring.advance(top);
      find_runs(layer, ring, top, runs);
      if (residual.data) row.residual = residual.pixel(n, oy, 0);
      row.dst = y.pixel(n, oy, 0);
      layer.kernel->run(row);
    }
  }
}

}  // namespace fi::direct
