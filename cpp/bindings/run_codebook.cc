// The rows of the codebook room, callable alone. Arguments of run_kernel and
// run_reference("codebook"):
//
//   x         (M, K) f32, rows contiguous
//   w         (N, K) f32: what gapped and windowed rows of f32 pack (zeros are left out)
//   codes     (N, K) u8, with values (count,) f32: what rows of codes pack; gapped and
//             windowed rows leave out code 0, whose value must be 0. s8 without values: what the
//             row of s8 packs
//   scale, bias (N,), residual (M, N) with contiguous rows, activation, activation_alpha,
//   activation_beta
//   out       (M, N) with contiguous rows, written in place; made if absent
//   part      groups that a call computes (default: all)
#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "bindings/kernel_registry.h"
#include "kernels/codebook/codebook.h"
#include "kernels/codebook/pack.h"

namespace fi::bindings {
namespace run_codebook {
namespace {

using codebook::Code;
using codebook::Form;

[[noreturn]] void refuse(const std::string& reason) {
  throw Error(ErrorKind::shape, "codebook: " + reason);
}

bool has_rows(const py::array& array) {
  return array.shape(1) <= 1 || array.strides(1) == array.itemsize();
}

/// An element of the weights, in one of the three kinds of arguments.
struct Arguments {
  py::array_t<float> x, w, values, scale, bias, residual;
  py::array_t<uint8_t> codes;
  py::array_t<int8_t> integers;
  Activation activation;
  int64_t m = 0, n = 0, k = 0;

  explicit Arguments(const py::kwargs& kwargs)
      : x(array_argument<float>(kwargs, "x", 2)),
        w(array_argument<float>(kwargs, "w")),
        values(array_argument<float>(kwargs, "values")),
        scale(array_argument<float>(kwargs, "scale")),
        bias(array_argument<float>(kwargs, "bias")),
        residual(array_argument<float>(kwargs, "residual")),
        activation(activation_argument(kwargs)) {
    argument(kwargs, "x");
    if (!w.size()) {
      if (values.size()) {
        codes = array_argument<uint8_t>(kwargs, "codes", 2);
      } else {
        integers = array_argument<int8_t>(kwargs, "codes", 2);
      }
    }
    const py::array weight = w.size()       ? py::array(w)
                             : codes.size() ? py::array(codes)
                                            : py::array(integers);
    if (weight.ndim() != 2) refuse("the weights are not (N, K)");
    m = x.shape(0);
    k = x.shape(1);
    n = weight.shape(0);
    if (weight.shape(1) != k || n == 0 || k == 0) refuse("x and the weights do not fit together");
    if (!has_rows(x)) refuse("the rows of x are not contiguous");
    for (const auto* vector : {&scale, &bias}) {
      if (vector->size() && (vector->ndim() != 1 || vector->shape(0) != n)) {
        refuse("scale and bias are (N,)");
      }
    }
    if (residual.size() && (residual.ndim() != 2 || residual.shape(0) != m ||
                            residual.shape(1) != n || !has_rows(residual))) {
      refuse("residual is (M, N) with contiguous rows");
    }
    check_codes();
  }

  float weight(int64_t j, int64_t p) const {
    if (w.size()) return w.at(j, p);
    return codes.size() ? values.at(codes.at(j, p)) : integers.at(j, p);
  }

 private:
  void check_codes() const {
    if (!codes.size()) return;
    if (values.ndim() != 1) refuse("values are (count,)");
    for (int64_t j = 0; j < n; ++j) {
      for (int64_t p = 0; p < k; ++p) {
        if (codes.at(j, p) >= values.size()) refuse("a code beyond the values");
      }
    }
  }
};

template <class F>
void for_each_entry(const Arguments& a, F&& entry) {
  for (int64_t j = 0; j < a.n; ++j) {
    for (int64_t p = 0; p < a.k; ++p) {
      if (a.w.size() ? a.w.at(j, p) != 0 : a.codes.at(j, p) != 0) entry(j, p);
    }
  }
}

template <class Packer>
AlignedBuffer pack_sparse(const Arguments& a, Code code, Packer packer) {
  if (code == Code::f32 ? !a.w.size() : !a.codes.size() || a.values.at(0) != 0) {
    refuse("the row needs w, or codes with values, the first of them 0");
  }
  for_each_entry(a, [&](int64_t j, int64_t p) { packer.count(j, p); });
  packer.place(a.values.data(), a.codes.size() ? a.values.size() : 0);
  for_each_entry(a, [&](int64_t j, int64_t p) {
    if (code == Code::f32) {
      packer.put_value(j, p, a.w.at(j, p));
    } else {
      packer.put(j, p, a.codes.at(j, p));
    }
  });
  return packer.take();
}

AlignedBuffer pack_coded(const Arguments& a, const codebook::Kernel& kernel) {
  const bool integers = kernel.code == Code::s8;
  if (integers ? !a.integers.size() : !a.codes.size()) refuse("the row needs codes of its type");
  codebook::CodedPacker packer(a.n, a.k, kernel.code, kernel.group_outputs, a.values.data(),
                               integers ? 0 : a.values.size());
  for (int64_t j = 0; j < a.n; ++j) {
    for (int64_t p = 0; p < a.k; ++p) {
      packer.put(j, p, integers ? a.integers.at(j, p) : a.codes.at(j, p));
    }
  }
  return packer.take();
}

AlignedBuffer pack(const Arguments& a, const codebook::Kernel& kernel) {
  if (a.codes.size() && codebook::code_of(a.values.size()) > kernel.code) {
    refuse("more values than the row's codes");
  }
  const Code code = kernel.code;
  if (kernel.form == Form::gapped)
    return pack_sparse(a, code, codebook::GappedPacker(a.n, a.k, code));
  if (kernel.form == Form::windowed)
    return pack_sparse(a, code, codebook::WindowedPacker(a.n, a.k, code, true));
  return pack_coded(a, kernel);
}

py::object run(const codebook::Kernel& kernel, const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  py::array_t<float> out = optional_argument(kwargs, "out").is_none()
                               ? py::array_t<float>({a.m, a.n})
                               : array_argument<float>(kwargs, "out", 2);
  if (out.shape(0) != a.m || out.shape(1) != a.n || !has_rows(out)) {
    refuse("out is (M, N) with contiguous rows");
  }
  const AlignedBuffer packed = pack(a, kernel);
  const int64_t element = sizeof(float);
  codebook::Product product{};
  product.w = codebook::matrix_of(packed);
  product.m = a.m;
  product.x = a.x.data();
  product.x_stride = a.x.strides(0) / element;
  product.y = out.mutable_data();
  product.y_stride = out.strides(0) / element;
  product.scale = a.scale.size() ? a.scale.data() : nullptr;
  product.bias = a.bias.size() ? a.bias.data() : nullptr;
  if (a.residual.size()) {
    product.residual = a.residual.data();
    product.residual_stride = a.residual.strides(0) / element;
  }
  product.activation = a.activation;
  const int64_t groups = product.w.groups, step = int_argument(kwargs, "part", groups);
  if (step < 1) refuse("bad part");
  for (int64_t g = 0; g < groups; g += step) {
    codebook::run(kernel, product, g, std::min(groups, g + step));
  }
  return out;
}

std::vector<double> dense(const py::array_t<float>& array) {
  std::vector<double> out;
  if (array.ndim() == 2) {
    for (int64_t i = 0; i < array.shape(0); ++i) {
      for (int64_t j = 0; j < array.shape(1); ++j) out.push_back(array.at(i, j));
    }
  } else {
    for (int64_t i = 0; i < array.size(); ++i) out.push_back(array.at(i));
  }
  return out;
}

py::object reference(const py::kwargs& kwargs) {
  const Arguments a(kwargs);
  std::vector<double> w;
  for (int64_t j = 0; j < a.n; ++j) {
    for (int64_t p = 0; p < a.k; ++p) w.push_back(a.weight(j, p));
  }
  const std::vector<double> x = dense(a.x), scale = dense(a.scale), bias = dense(a.bias),
                            residual = dense(a.residual);
  const auto or_null = [](const std::vector<double>& v) { return v.empty() ? nullptr : v.data(); };
  py::array_t<double> y({a.m, a.n});
  codebook::reference(a.m, a.n, a.k, x.data(), w.data(), or_null(scale), or_null(bias),
                      or_null(residual), a.activation, y.mutable_data());
  return y;
}

py::dict extras_of(const codebook::Kernel& kernel) {
  constexpr const char* kCodes[] = {"c4", "c5", "c8", "s8", "f32"};
  py::dict extras;
  constexpr const char* kForms[] = {"coded", "gapped", "windowed"};
  extras["form"] = kForms[static_cast<int>(kernel.form)];
  extras["code"] = kCodes[static_cast<int>(kernel.code)];
  extras["group_outputs"] = kernel.group_outputs;
  return extras;
}

}  // namespace
}  // namespace run_codebook

void bind_run_codebook(py::module_&) {
  using namespace run_codebook;
  register_rows(codebook::table(), &run, &extras_of);
  register_reference("codebook", &reference);
}

}  // namespace fi::bindings
