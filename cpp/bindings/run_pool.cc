// The pool room, callable from Python: x (N, H, W, C) and y (N, OH, OW, C) f32, kernel, strides,
// dilations (2 each), pads (top, left, bottom, right), count_include_pad, p, kind; y is written.
// With global_pool=True y is (N, C). Planar rows, and the reference with
// planar=True, take x (N, C, H, W) and y alike.
#include "base/buffer.h"
#include "bindings/image_argument.h"
#include "kernels/pool/planes.h"

namespace fi::bindings {
namespace run_pool {
namespace {

pool::PoolKind kind_of(const std::string& name) {
  if (name == "max") return pool::PoolKind::max;
  if (name == "average") return pool::PoolKind::average;
  if (name == "lp") return pool::PoolKind::lp;
  throw Error(ErrorKind::attribute, "there is no pooling '" + name + "'");
}

const char* name_of(pool::PoolKind kind) {
  constexpr const char* names[] = {"max", "average", "lp"};
  return names[static_cast<int>(kind)];
}

pool::Pool2d pool_of(const py::kwargs& kwargs, pool::PoolKind kind) {
  const auto kernel = ints_argument(kwargs, "kernel", 2, 1);
  const auto strides = ints_argument(kwargs, "strides", 2, 1);
  const auto dilations = ints_argument(kwargs, "dilations", 2, 1);
  const auto pads = ints_argument(kwargs, "pads", 4, 0);
  for (int i = 0; i < 2; ++i) {
    if (kernel[i] < 1 || strides[i] < 1 || dilations[i] < 1 || pads[i] < 0 || pads[i + 2] < 0) {
      throw Error(ErrorKind::attribute, "the pooling window is not valid");
    }
  }
  const auto s32 = [](int64_t v) { return static_cast<int32_t>(v); };
  pool::Pool2d pool;
  pool.kind = kind;
  pool.window = {s32(kernel[0]),    s32(kernel[1]),    s32(strides[0]), s32(strides[1]),
                 s32(dilations[0]), s32(dilations[1]), s32(pads[0]),    s32(pads[1])};
  pool.pad_bottom = s32(pads[2]);
  pool.pad_right = s32(pads[3]);
  pool.count_include_pad = int_argument(kwargs, "count_include_pad", 0) != 0;
  pool.p = static_cast<float>(float_argument(kwargs, "p", 2));
  return pool;
}

void check_sizes(int64_t batch, int64_t channels, int64_t y_batch, int64_t y_channels) {
  if (batch != y_batch || channels != y_channels)
    throw Error(ErrorKind::shape, "x and y do not match");
}

py::object run_global(const pool::Kernel& kernel, const py::kwargs& kwargs) {
  const auto src = image_argument<const float>(kwargs, "x");
  const py::array_t<float> y = array_argument<float>(kwargs, "y", 2);
  const TensorView view = view_of(y);
  check_sizes(src.batch, src.channels, view.shape[0], view.shape[1]);
  if (src.height < 1 || src.width < 1) throw Error(ErrorKind::shape, "x has no pixels");
  if (kernel.kind == pool::PoolKind::lp) throw Error(ErrorKind::unsupported, "global lp pooling");
  const pool::GlobalPool global{&kernel, src, static_cast<float*>(view.data), view.stride[0]};
  const int64_t tasks = src.batch * pool::global_chunks(src.height, src.width, src.channels);
  std::vector<float> partial(static_cast<size_t>(tasks * src.channels));
  for (int64_t task = tasks; task-- > 0;)
    pool::global_partial(global, partial.data(), task, task + 1);
  pool::global_finish(global, partial.data(), 0, src.batch);
  return y;
}

py::object run_planar(const pool::Kernel& kernel, const py::kwargs& kwargs) {
  const auto src = planes_argument<const float>(kwargs, "x");
  const auto dst = planes_argument<float>(kwargs, "y");
  check_sizes(src.batch, src.channels, dst.batch, dst.channels);
  const pool::Pool2d pool = pool_of(kwargs, kernel.kind);
  const pool::Strip strip = pool::strip_of(pool, src.width, dst.height, dst.width);
  if (!pool::accepts(strip)) throw Error(ErrorKind::unsupported, "the window is too wide");
  const AlignedBuffer scratch(static_cast<int64_t>(pool::scratch_bytes(strip)));
  const RowRange rows = rows_argument(kwargs, dst.batch, dst.height);
  for (int64_t n = 0; n < dst.batch; ++n) {
    pool::run_planes(kernel, pool, src, dst, {n, 0, dst.channels, rows.begin, rows.end},
                     scratch.as<float>());
  }
  return argument(kwargs, "y");
}

py::object run(const pool::Kernel& kernel, const py::kwargs& kwargs) {
  if (!kernel.run) return run_planar(kernel, kwargs);
  if (int_argument(kwargs, "global_pool", 0)) return run_global(kernel, kwargs);
  const auto src = image_argument<const float>(kwargs, "x");
  const auto dst = image_argument<float>(kwargs, "y");
  check_sizes(src.batch, src.channels, dst.batch, dst.channels);
  pool::run(kernel, pool_of(kwargs, kernel.kind), src, dst,
            rows_argument(kwargs, dst.batch, dst.height));
  return argument(kwargs, "y");
}

py::object run_nhwc_reference(const py::kwargs& kwargs) {
  const auto x = double_argument(kwargs, "x"), y = double_argument(kwargs, "y");
  const py::array_t<double> out(std::vector<py::ssize_t>(y.shape(), y.shape() + y.ndim()));
  pool::reference(pool_of(kwargs, kind_of(string_argument(kwargs, "kind", ""))),
                  image_of<const double>(x, "x"), image_of<double>(out, "y"));
  return out;
}

py::object run_reference(const py::kwargs& kwargs) {
  if (!int_argument(kwargs, "planar", 0)) return run_nhwc_reference(kwargs);
  py::kwargs seen(py::reinterpret_steal<py::object>(PyDict_Copy(kwargs.ptr())));
  for (const char* name : {"x", "y"})
    seen[name] = argument(kwargs, name).attr("transpose")(0, 2, 3, 1);
  return run_nhwc_reference(seen).attr("transpose")(0, 3, 1, 2);
}

py::dict extras_of(const pool::Kernel& kernel) {
  py::dict extras;
  extras["kind"] = name_of(kernel.kind);
  extras["planar"] = kernel.run == nullptr;
  return extras;
}

}  // namespace
}  // namespace run_pool

void bind_run_pool(py::module_&) {
  using namespace run_pool;
  register_rows(pool::table(), &run, &extras_of);
  register_reference("pool", run_reference);
}

}  // namespace fi::bindings
