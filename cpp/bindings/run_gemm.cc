// The rows of the gemm room, callable alone. Arguments of run_kernel and run_reference("gemm"):
//
//   lhs       (M, K) f32; offsets form: (rows, k_tap), the tensor that offsets index
//   offsets   (taps, M) s32, offsets form only: the row of lhs that a tap of row m reads, or -1 for
//   the pad row pad       (k_tap,), offsets form only form      "strided" (rows of lhs contiguous),
//   "offsets" or "packed" (lhs of any strides) rhs       (K, N) of any strides bias      (N,),
//   residual (M, N) with contiguous rows, activation, activation_alpha, activation_beta out (M, N)
//   with contiguous rows, written in place; made if absent mc, nc, kc           override the block
//   sizes m_part, n_part       compute ranges of so many rows and columns (n_part in multiples of
//   nr) by separate calls
#include <algorithm>
#include <string>
#include <vector>

#include "base/buffer.h"
#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "cpu/features.h"
#include "kernels/gemm/gemm.h"

namespace fi::bindings {
namespace run_gemm {
namespace {

using gemm::LhsForm;

constexpr const char* kForms[] = {"strided", "offsets", "packed", "mapped"};

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "gemm: " + reason);
}

LhsForm form_of(const std::string& name) {
  const auto* found = std::find(std::begin(kForms), std::end(kForms), name);
  if (found == std::end(kForms)) {
    throw Error(ErrorKind::value, "gemm: there is no form " + name);
  }
  return static_cast<LhsForm>(found - kForms);
}

bool has_rows(const py::array& array) {
  return array.shape(1) <= 1 || array.strides(1) == array.itemsize();
}

struct Arguments {
  LhsForm form = LhsForm::strided;
  py::array_t<float> lhs, rhs, bias, residual, pad;
  py::array_t<int32_t> rows;  // offsets form: (taps, M)
  py::array_t<int32_t> map;   // mapped form: (K,)
  Activation activation;
  int64_t m = 0, n = 0, k = 0, taps = 1;

  explicit Arguments(const py::kwargs& kwargs)
      : lhs(array_argument<float>(kwargs, "lhs", 2)),
        rhs(array_argument<float>(kwargs, "rhs", 2)),
        bias(array_argument<float>(kwargs, "bias")),
        residual(array_argument<float>(kwargs, "residual")),
        pad(array_argument<float>(kwargs, "pad")),
        rows(array_argument<int32_t>(kwargs, "offsets")),
        map(array_argument<int32_t>(kwargs, "map")),
        activation(activation_argument(kwargs)) {
    form = form_of(string_argument(kwargs, "form", "strided"));
    argument(kwargs, "lhs");
    argument(kwargs, "rhs");
    k = rhs.shape(0);
    n = rhs.shape(1);
    m = lhs.shape(0);
    if (form == LhsForm::offsets) {
      check_offsets();
    } else if (form == LhsForm::mapped) {
      check_map();
    } else if (lhs.shape(1) != k) {
      refuse("lhs has " + std::to_string(lhs.shape(1)) + " columns and rhs " + std::to_string(k) +
             " rows");
    }
    if (form != LhsForm::packed && !has_rows(lhs)) refuse("the rows of lhs are not contiguous");
    if (bias.size() && (bias.ndim() != 1 || bias.shape(0) != n)) refuse("bias is not (N,)");
    if (residual.size() &&
        (residual.ndim() != 2 || residual.shape(0) != m || residual.shape(1) != n)) {
      refuse("residual is not (M, N)");
    }
  }

  int64_t k_tap() const { return form == LhsForm::offsets ? lhs.shape(1) : k; }
  const float* bias_data() const { return bias.size() ? bias.data() : nullptr; }

 private:
  void check_map() const {
    if (map.ndim() != 1 || map.shape(0) != k) refuse("map is not (K,)");
    const auto at = map.unchecked<1>();
    for (int64_t p = 0; p < k; ++p) {
      if (at(p) < 0 || at(p) >= lhs.shape(1)) refuse("map leaves the row");
    }
  }
  void check_offsets() {
    if (rows.ndim() != 2 || pad.ndim() != 1 || pad.shape(0) != lhs.shape(1))
      refuse("offsets need (taps, M) and pad");
    taps = rows.shape(0);
    m = rows.shape(1);
    if (taps * lhs.shape(1) != k) refuse("K is not taps * k_tap");
    const auto at = rows.unchecked<2>();
    for (int64_t t = 0; t < taps; ++t) {
      for (int64_t i = 0; i < m; ++i) {
        if (at(t, i) < -1 || at(t, i) >= lhs.shape(0)) refuse("an offset outside lhs");
      }
    }
  }
};

void fill_offsets(const void* context, int64_t m, int count, int mr, int32_t* out) {
  const auto& arguments = *static_cast<const Arguments*>(context);
  const auto at = arguments.rows.unchecked<2>();
  const int32_t stride = static_cast<int32_t>(arguments.lhs.strides(0));
  for (int64_t t = 0; t < arguments.taps; ++t) {
    for (int i = 0; i < count; ++i) {
      const int32_t row = at(t, m + i);
      out[t * mr + i] = row < 0 ? gemm::kPadRow : row * stride;
    }
  }
}

gemm::Product product_of(const gemm::Kernel& kernel, const Arguments& arguments,
                         py::array_t<float>& out) {
  gemm::Product product{};
  product.kernel = &kernel;
  product.m = arguments.m;
  product.n = arguments.n;
  product.taps = static_cast<int32_t>(arguments.taps);
  product.k_tap = arguments.k_tap();
  product.form = arguments.form;
  product.lhs = arguments.lhs.data();
  product.lhs_row_stride = arguments.lhs.strides(0);
  product.lhs_k_stride = arguments.lhs.strides(1);
  if (arguments.form == LhsForm::mapped) product.k_map = arguments.map.data();
  product.fill = &fill_offsets;
  product.fill_context = &arguments;
  product.pad = arguments.pad.size() ? arguments.pad.data() : nullptr;
  product.dst = out.mutable_data();
  product.dst_stride = out.strides(0);
  product.epilogue.bias = arguments.bias_data();
  if (arguments.residual.size()) {
    if (!has_rows(arguments.residual)) refuse("the rows of residual are not contiguous");
    product.epilogue.residual = arguments.residual.data();
    product.epilogue.residual_stride = arguments.residual.strides(0);
  }
  product.epilogue.activation = arguments.activation;
  return product;
}

py::array_t<float> out_argument(const py::kwargs& kwargs, int64_t m, int64_t n) {
  if (optional_argument(kwargs, "out").is_none()) return py::array_t<float>({m, n});
  py::array_t<float> out = array_argument<float>(kwargs, "out", 2);
  if (out.shape(0) != m || out.shape(1) != n || !has_rows(out))
    refuse("out is not (M, N) with contiguous rows");
  return out;
}

py::object run(const gemm::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  py::array_t<float> out = out_argument(kwargs, arguments.m, arguments.n);
  gemm::Product product = product_of(kernel, arguments, out);
  const AlignedBuffer packed(
      static_cast<int64_t>(kernel.packed_rhs_bytes(arguments.k, arguments.n)));
  const int64_t element = sizeof(float);
  kernel.pack_rhs({arguments.rhs.data(), arguments.k, arguments.n,
                   arguments.rhs.strides(0) / element, arguments.rhs.strides(1) / element},
                  packed.data());
  product.rhs = packed.data();
  gemm::Blocking blocking = gemm::choose_blocking(product);
  blocking.mc = int_argument(kwargs, "mc", blocking.mc);
  blocking.nc = int_argument(kwargs, "nc", blocking.nc);
  blocking.kc = int_argument(kwargs, "kc", blocking.kc);
  if (blocking.mc < 1 || blocking.kc < 1 || blocking.nc < 1 || blocking.nc % kernel.nr)
    refuse("bad block sizes");
  const int64_t m_part = int_argument(kwargs, "m_part", std::max<int64_t>(arguments.m, 1));
  const int64_t n_part =
      int_argument(kwargs, "n_part", std::max<int64_t>(blocking.nc, arguments.n));
  if (m_part < 1 || n_part < 1 || (n_part < arguments.n && n_part % kernel.nr)) refuse("bad parts");
  const AlignedBuffer scratch(static_cast<int64_t>(gemm::scratch_bytes(product, blocking)));
  for (int64_t m = 0; m < arguments.m; m += m_part) {
    for (int64_t n = 0; n < arguments.n; n += n_part) {
      gemm::run(product, blocking, m, std::min(m + m_part, arguments.m), n,
                std::min(n + n_part, arguments.n), scratch.data());
    }
  }
  return out;
}

/// An array of any strides as dense float64.
std::vector<double> dense(const py::array_t<float>& array) {
  std::vector<double> out(static_cast<size_t>(array.size()));
  if (array.size() == 0) return out;
  if (array.ndim() == 1) {
    const auto at = array.unchecked<1>();
    for (int64_t i = 0; i < array.shape(0); ++i) out[static_cast<size_t>(i)] = at(i);
    return out;
  }
  const auto at = array.unchecked<2>();
  for (int64_t i = 0; i < array.shape(0); ++i) {
    for (int64_t j = 0; j < array.shape(1); ++j)
      out[static_cast<size_t>(i * array.shape(1) + j)] = at(i, j);
  }
  return out;
}

/// The lhs that offsets or a map stand for, dense.
std::vector<double> lowered(const Arguments& arguments) {
  std::vector<double> out(static_cast<size_t>(arguments.m * arguments.k));
  if (arguments.form == LhsForm::mapped) {
    const auto at = arguments.lhs.unchecked<2>();
    const auto map = arguments.map.unchecked<1>();
    for (size_t i = 0; i < out.size(); ++i) {
      const auto place = static_cast<int64_t>(i);
      out[i] = at(place / arguments.k, map(place % arguments.k));
    }
    return out;
  }
  if (arguments.form != LhsForm::offsets) return dense(arguments.lhs);
  const auto row = arguments.rows.unchecked<2>();
  const auto at = arguments.lhs.unchecked<2>();
  const auto pad = arguments.pad.unchecked<1>();
  size_t next = 0;
  for (int64_t m = 0; m < arguments.m; ++m) {
    for (int64_t t = 0; t < arguments.taps; ++t) {
      for (int64_t p = 0; p < arguments.k_tap(); ++p)
        out[next++] = row(t, m) < 0 ? pad(p) : at(row(t, m), p);
    }
  }
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments arguments(kwargs);
  const std::vector<double> lhs = lowered(arguments), rhs = dense(arguments.rhs),
                            bias = dense(arguments.bias), residual = dense(arguments.residual);
  py::array_t<double> out({arguments.m, arguments.n});
  gemm::reference(arguments.m, arguments.n, arguments.k, lhs.data(), rhs.data(),
                  bias.empty() ? nullptr : bias.data(),
                  residual.empty() ? nullptr : residual.data(), arguments.activation,
                  out.mutable_data());
  return out;
}

py::dict extras_of(const gemm::Kernel& kernel) {
  py::dict extras;
  py::list forms;
  for (int i = 0; i < gemm::kLhsForms; ++i) {
    if (kernel.run[i]) forms.append(kForms[i]);
  }
  extras["mr"] = kernel.mr;
  extras["nr"] = kernel.nr;
  extras["kr"] = kernel.kr;
  extras["forms"] = forms;
  return extras;
}

py::object best_row(const std::string& form, int64_t m, int64_t n, int64_t k,
                    const std::string& isa) {
  const gemm::Kernel* row = gemm::best_row(cpu::usable_under(isa), form_of(form), m, n, k);
  return row ? py::object(py::str(row->info.name)) : py::none();
}

}  // namespace
}  // namespace run_gemm

void bind_run_gemm(py::module_& module) {
  using namespace run_gemm;
  register_rows(gemm::table(), &run, &extras_of);
  register_reference("gemm", &reference);
  module.def("gemm_best_row", &best_row, py::arg("form"), py::arg("m"), py::arg("n"), py::arg("k"),
             py::arg("isa") = "", "Name of the row that the plan takes for a product, or None.");
}

}  // namespace fi::bindings
