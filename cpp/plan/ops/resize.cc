#include "kernels/resize/resize.h"

#include "base/error.h"
#include "plan/attributes.h"
#include "plan/operand.h"
#include "plan/ops/rows.h"
#include "plan/prepare.h"

namespace fi::plan {
namespace {

resize::Resize2d parameters(const Attributes& attributes, const Image<float>& x,
                            const Image<float>& y) {
  resize::Resize2d p;
  if (!resize::mode_from_name(attributes.text("mode", "nearest").c_str(), &p.mode)) {
    attributes.refuse("mode", "is unknown");
  }
  const std::string coordinate = attributes.text("coordinate_mode", "half_pixel");
  if (!resize::coordinate_from_name(coordinate.c_str(), &p.coordinate)) {
    attributes.refuse("coordinate_mode", "is unknown");
  }
  const std::string nearest = attributes.text("nearest_mode", "round_prefer_floor");
  if (!resize::nearest_from_name(nearest.c_str(), &p.nearest)) {
    attributes.refuse("nearest_mode", "is unknown");
  }
  const auto ratio = [](int64_t out, int64_t in) {
    return static_cast<double>(out) / static_cast<double>(in);
  };
  const auto scales =
      attributes.reals("scales", {ratio(y.height, x.height), ratio(y.width, x.width)});
  if (scales.size() != 2) attributes.refuse("scales", "must have 2 entries");
  p.scale_h = static_cast<float>(scales[0]);
  p.scale_w = static_cast<float>(scales[1]);
  const auto roi = attributes.reals("roi", {0, 0, 1, 1});
  if (roi.size() != 4) attributes.refuse("roi", "must have 4 entries");
  for (int i = 0; i < 4; ++i) p.roi[i] = static_cast<float>(roi[i]);
  p.extrapolation_value = static_cast<float>(attributes.real("extrapolation_value", 0));
  p.cubic_a = static_cast<float>(attributes.real("cubic_coeff_a", -0.75));
  p.exclude_outside = attributes.flag("exclude_outside", false);
  p.antialias = attributes.flag("antialias", false);
  return p;
}

class Resize final : public Operator {
 public:
  Resize(const Step& step, const Program& program, PrepareContext& context)
      : x_(as_image(step, input(program, step, 0))), y_(as_image(step, output(program, step, 0))) {
    const Image<float>&x = x_.image, &y = y_.image;
    require(x.batch == y.batch && x.channels == y.channels, step, ErrorKind::shape,
            "input and output differ in batch or channels");
    const resize::Resize2d p = parameters(Attributes(step), x, y);
    const auto* kernel = resize::find(resize::function_of(p), context.features());
    plan_ = resize::prepare(*kernel, p, x.height, x.width, y.height, y.width);
    report_.algorithm = "taps";
    report_.kernel = kernel->info.name;
  }

  void run(const RunContext& context, const RowRange& rows) const override {
    const auto x = x_.at<const float>(context);
    const auto y = y_.at<float>(context);
    for_each_rows(context, rows,
                  [&](int, const RowRange& part) { resize::run(plan_, x, y, part); });
  }
  std::pair<int64_t, int64_t> input_rows(int64_t begin, int64_t end) const override {
    const resize::Rows rows = resize::source_rows(plan_, begin, end);
    return {rows.begin, rows.end};
  }
  bool striped() const override { return true; }

 private:
  const ImageOperand x_, y_;
  resize::Plan plan_;
};

}  // namespace

std::unique_ptr<Operator> prepare_resize(const Program& program, const Step& step,
                                         PrepareContext& context) {
  return std::make_unique<Resize>(step, program, context);
}

}  // namespace fi::plan
