#include "layers.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "kernels/peak/peak.h"

namespace fi::micro {

std::string Layer::label() const {
  std::ostringstream out;
  out << net << "/" << channels_in << "x" << height << "x" << width << "/" << channels_out << "x"
      << kernel_h << "x" << kernel_w << "s" << stride;
  if (groups > 1) out << "g" << groups;
  return out.str();
}

const std::vector<Layer>& layers() {
  static const std::vector<Layer> all = [] {
    std::vector<Layer> found;
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(FI_SHAPES_DIR))
      files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    for (const auto& path : files) {
      std::ifstream file(path);
      std::string line;
      std::getline(file, line);  // the column names
      while (std::getline(file, line)) {
        std::replace(line.begin(), line.end(), ',', ' ');
        std::istringstream fields(line);
        Layer layer{};
        layer.net = path.stem().string();
        fields >> layer.height >> layer.width >> layer.channels_in >> layer.channels_out >>
            layer.kernel_h >> layer.kernel_w >> layer.stride >> layer.pad >> layer.groups;
        found.push_back(layer);
      }
    }
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

double peak_macs(Tier tier) {
  static std::map<Tier, double> measured;
  if (const auto it = measured.find(tier); it != measured.end()) return it->second;
  const peak::Kernel* kernel = peak::find(peak::Kind::fma, info_of(tier).required);
  return measured[tier] = peak::measure(*kernel, 1, 0, 0.2);
}

}  // namespace fi::micro
