#include "layers.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <utility>

#include "cpu/features.h"
#include "kernels/peak/peak.h"

namespace fi::micro {
namespace {

constexpr const char* kProducts = "products";

/// Calls row(stem, fields) for each line of each file, column names aside.
template <class Row>
void for_each_row(Row&& row) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(FI_SHAPES_DIR))
    files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& path : files) {
    std::ifstream file(path);
    std::string line;
    std::getline(file, line);
    while (std::getline(file, line)) {
      std::replace(line.begin(), line.end(), ',', ' ');
      std::istringstream fields(line);
      row(path.stem().string(), fields);
    }
  }
}

}  // namespace

std::string Layer::label() const {
  std::ostringstream out;
  out << net << "/" << channels_in << "x" << height << "x" << width << "/" << channels_out << "x"
      << kernel_h << "x" << kernel_w << "s" << stride;
  if (groups > 1) out << "g" << groups;
  if (dilation > 1) out << "d" << dilation;
  return out.str();
}

Window Layer::window() const {
  Window window;
  window.kernel_h = static_cast<int32_t>(kernel_h);
  window.kernel_w = static_cast<int32_t>(kernel_w);
  window.stride_h = window.stride_w = static_cast<int32_t>(stride);
  window.dilation_h = window.dilation_w = static_cast<int32_t>(dilation);
  window.pad_top = window.pad_left = static_cast<int32_t>(pad);
  return window;
}

const std::vector<Layer>& layers() {
  static const std::vector<Layer> all = [] {
    std::vector<Layer> found;
    for_each_row([&](const std::string& stem, std::istringstream& fields) {
      if (stem == kProducts) return;
      Layer layer{};
      layer.net = stem;
      int64_t count = 0, dilation = 0, pad_end = 0, transposed = 0;
      fields >> layer.height >> layer.width >> layer.channels_in >> layer.channels_out >>
          layer.kernel_h >> layer.kernel_w >> layer.stride >> layer.pad >> layer.groups >> count;
      if (fields >> dilation >> pad_end >> transposed) {
        layer.dilation = dilation;
        layer.pad_end = pad_end;
      }
      if (!transposed) found.push_back(layer);
    });
    return found;
  }();
  return all;
}

const std::vector<Matrix>& matrices() {
  static const std::vector<Matrix> all = [] {
    std::vector<Matrix> found;
    for_each_row([&](const std::string& stem, std::istringstream& fields) {
      if (stem != kProducts) return;
      std::string net;
      Matrix matrix{};
      fields >> net >> matrix.inputs >> matrix.outputs;
      const auto equal = [&](const Matrix& known) { return known.label() == matrix.label(); };
      if (std::none_of(found.begin(), found.end(), equal)) found.push_back(matrix);
    });
    return found;
  }();
  return all;
}

AlignedBuffer random_floats(int64_t n) {
  AlignedBuffer buffer(n * static_cast<int64_t>(sizeof(float)));
  std::mt19937 engine(0);
  std::normal_distribution<float> normal;
  std::generate_n(buffer.as<float>(), n, [&] { return normal(engine); });
  return buffer;
}

AlignedBuffer sparse_floats(int64_t n, double density, int64_t run) {
  AlignedBuffer buffer = random_floats(n);
  std::mt19937 engine(1);
  std::bernoulli_distribution there(density);
  for (int64_t i = 0; i < n; i += run) {
    if (!there(engine)) std::fill_n(buffer.as<float>() + i, std::min(run, n - i), 0.0f);
  }
  return buffer;
}

Tensors::Tensors(const Layer& layer)
    : x(random_floats(layer.height * layer.width * layer.channels_in)),
      y(layer.out_pixels() * layer.channels_out * static_cast<int64_t>(sizeof(float))),
      w(random_floats(layer.weights())),
      bias(random_floats(layer.channels_out)) {
  const int64_t h = layer.height, wd = layer.width, c = layer.channels_in, o = layer.channels_out;
  const int64_t oh = layer.out_height(), ow = layer.out_width();
  input = {x.as<float>(), 1, h, wd, c, h * wd * c, wd * c, c};
  output = {y.as<float>(), 1, oh, ow, o, oh * ow * o, ow * o, o};
  planes = {x.as<float>(), 1, c, h, wd, h * wd * c, h * wd, wd};
  out_planes = {y.as<float>(), 1, o, oh, ow, oh * ow * o, oh * ow, ow};
}

double peak_macs(Tier tier) {
  static std::map<Tier, double> measured;
  if (const auto it = measured.find(tier); it != measured.end()) return it->second;
  const peak::Kernel* kernel = peak::find(peak::Kind::fma, info_of(tier).required);
  return measured[tier] = peak::measure(*kernel, 1, 0, 0.2);
}

double read_bytes(Tier tier, int64_t bytes) {
  static std::map<std::pair<Tier, int64_t>, double> measured;
  const auto key = std::make_pair(tier, bytes);
  if (const auto it = measured.find(key); it != measured.end()) return it->second;
  const peak::Kernel* kernel = peak::find(peak::Kind::read, info_of(tier).required);
  return measured[key] = peak::measure(*kernel, 1, bytes, 0.05);
}

void rate(benchmark::State& state, const char* name, double each) {
  state.counters[name] = benchmark::Counter(each * static_cast<double>(state.iterations()),
                                            benchmark::Counter::kIsRate);
}

void report(benchmark::State& state, Tier tier, double macs, double bytes) {
  rate(state, "MAC/s", macs);
  rate(state, "peak%", 100 * macs / peak_macs(tier));
  rate(state, "B/s", bytes);
}

bool usable(Tier tier) { return cpu::can_use(tier, cpu::usable()); }

}  // namespace fi::micro
