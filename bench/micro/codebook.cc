// Every codebook row over the networks' fully connected layers, of one row of x and of four.
// Gapped and windowed: 9 weights of 100 are there. read%: the share of the time that reading as
// many bytes takes.

#include "kernels/codebook/codebook.h"

#include <cstring>

#include "kernels/codebook/pack.h"
#include "layers.h"

namespace fi::micro {
namespace {

using codebook::Code;
using codebook::Form;

constexpr double kDensity = 0.09;

/// Codes of a row: 0 stands for no weight.
int codes_of(Code code) { return code == Code::c4 ? 16 : code == Code::c5 ? 32 : 256; }

/// A value's code, not 0, all about equally often.
int code_for(float value, int codes) {
  uint32_t bits;
  static_assert(sizeof bits == sizeof value);
  std::memcpy(&bits, &value, sizeof bits);
  return 1 + static_cast<int>(bits % static_cast<uint32_t>(codes - 1));
}

template <class Put>
void for_each_weight(const Matrix& matrix, const AlignedBuffer& w, Put&& put) {
  for (int64_t output = 0; output < matrix.outputs; ++output) {
    for (int64_t input = 0; input < matrix.inputs; ++input) {
      const float value = w.as<float>()[output * matrix.inputs + input];
      if (value != 0) put(output, input, value);
    }
  }
}

template <class Packer>
AlignedBuffer pack_sparse(const codebook::Kernel& kernel, const Matrix& matrix, Packer packer) {
  const AlignedBuffer w = sparse_floats(matrix.outputs * matrix.inputs, kDensity);
  const bool values = kernel.code == Code::f32;
  const int codes = codes_of(kernel.code);
  AlignedBuffer table = random_floats(codebook::kValues);
  table.as<float>()[0] = 0;
  for_each_weight(matrix, w,
                  [&](int64_t output, int64_t input, float) { packer.count(output, input); });
  packer.place(values ? nullptr : table.as<float>(), values ? 0 : codes);
  for_each_weight(matrix, w, [&](int64_t output, int64_t input, float value) {
    if (values) return packer.put_value(output, input, value);
    packer.put(output, input, code_for(value, codes));
  });
  return packer.take();
}

AlignedBuffer pack_coded(const codebook::Kernel& kernel, const Matrix& matrix) {
  const AlignedBuffer w = random_floats(matrix.outputs * matrix.inputs);
  const int codes = codes_of(kernel.code);
  AlignedBuffer table = random_floats(codebook::kValues);
  table.as<float>()[0] = 0;
  codebook::CodedPacker packer(matrix.outputs, matrix.inputs, kernel.code, kernel.group_outputs,
                               table.as<float>(), kernel.code == Code::s8 ? 0 : codes);
  for_each_weight(matrix, w, [&](int64_t output, int64_t input, float value) {
    packer.put(output, input, code_for(value, codes));
  });
  return packer.take();
}

AlignedBuffer pack(const codebook::Kernel& kernel, const Matrix& matrix) {
  const int64_t outputs = matrix.outputs, inputs = matrix.inputs;
  if (kernel.form == Form::gapped)
    return pack_sparse(kernel, matrix, codebook::GappedPacker(outputs, inputs, kernel.code));
  if (kernel.form == Form::windowed)
    return pack_sparse(kernel, matrix,
                       codebook::WindowedPacker(outputs, inputs, kernel.code, true));
  return pack_coded(kernel, matrix);
}

void run_codebook(benchmark::State& state, const codebook::Kernel* kernel, Matrix matrix,
                  int64_t m) {
  const AlignedBuffer packed = pack(*kernel, matrix);
  const AlignedBuffer x = random_floats(m * matrix.inputs), bias = random_floats(matrix.outputs);
  AlignedBuffer y = random_floats(m * matrix.outputs);
  codebook::Product product{};
  product.w = codebook::matrix_of(packed);
  product.m = m;
  product.x = x.as<float>();
  product.x_stride = matrix.inputs;
  product.y = y.as<float>();
  product.y_stride = matrix.outputs;
  product.bias = bias.as<float>();
  for (auto _ : state) {
    codebook::run(*kernel, product, 0, product.w.groups);
    benchmark::ClobberMemory();
  }
  const auto bytes = static_cast<double>(product.w.bytes);
  rate(state, "weights/s", static_cast<double>(product.w.entries));
  rate(state, "B/s", bytes);
  rate(state, "read%", 100 * bytes / read_bytes(kernel->info.tier, product.w.bytes));
}

}  // namespace

void register_codebook() {
  for_usable(codebook::table(), [](const codebook::Kernel* kernel) {
    for (const Matrix& matrix : matrices()) {
      for (const int64_t m : {1, 4}) {
        const std::string name =
            std::string(kernel->info.name) + "/" + matrix.label() + "/" + std::to_string(m);
        benchmark::RegisterBenchmark(name.c_str(), run_codebook, kernel, matrix, m);
      }
    }
  });
}

}  // namespace fi::micro
