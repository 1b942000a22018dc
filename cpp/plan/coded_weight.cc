#include "plan/coded_weight.h"

#include <algorithm>

#include "kernels/codebook/pack.h"
#include "plan/weight_entries.h"

namespace fi::plan {
namespace {

using codebook::Code;

bool is_scaled(const Weight& weight) {
  return weight.form == WeightForm::scaled || weight.form == WeightForm::bits;
}

bool has_codes(const Weight& weight) {
  return weight.form == WeightForm::codebook || weight.form == WeightForm::sparse_codebook ||
         is_scaled(weight);
}

/// The values of the stored codes.
std::vector<float> stored_values(const Weight& weight) {
  std::vector<float> values;
  if (weight.form == WeightForm::bits) return {-1, 1};
  const int codes = 1 << weight.code_bits;
  if (weight.form == WeightForm::scaled) {
    for (int code = 0; code < codes; ++code) {
      values.push_back(static_cast<float>(code < codes / 2 ? code : code - codes));
    }
    return values;
  }
  for (int64_t i = 0; i < weight.values.bytes / 4 && i < codes; ++i) {
    values.push_back(element<float>(weight.values, i));
  }
  return values;
}

/// Each value once, zero first.
void make_table(const Weight& weight, CodedWeight* coded) {
  coded->table = {0};
  const std::vector<float> values = stored_values(weight);
  coded->codes.assign(values.size(), 0);
  for (size_t i = 0; i < values.size(); ++i) {
    const auto known = std::find(coded->table.begin(), coded->table.end(), values[i]);
    coded->codes[i] = static_cast<uint8_t>(known - coded->table.begin());
    if (known == coded->table.end()) coded->table.push_back(values[i]);
  }
}

/// The share of nonzero elements among some that are spread over all.
template <class IsZero>
double sampled_density(int64_t count, IsZero&& is_zero) {
  constexpr int64_t kSamples = 4096, kRun = 16;
  constexpr uint64_t kGolden = 0x9e3779b97f4a7c15;  // spreads multiples evenly
  int64_t seen = 0, there = 0;
  const bool all = count <= kSamples * kRun;
  const int64_t runs = all ? (count + kRun - 1) / kRun : kSamples;
  for (int64_t s = 0; s < runs; ++s) {
    const uint64_t fraction = static_cast<uint64_t>(s) * kGolden >> 32;  // of 2^32
    const int64_t first =
        all ? s * kRun : static_cast<int64_t>(fraction * static_cast<uint64_t>(count - kRun) >> 32);
    for (int64_t i = first; i < std::min(count, first + kRun); ++i, ++seen) there += !is_zero(i);
  }
  return seen ? static_cast<double>(there) / static_cast<double>(seen) : 0;
}

/// The room's code for a stored one.
int code_for(const CodedWeight& coded, int stored) {
  if (static_cast<size_t>(stored) >= coded.codes.size()) {
    malformed_weight("has a code outside of its codebook");
  }
  return coded.codes[static_cast<size_t>(stored)];
}

double density_of(const CodedWeight& coded) {
  const Weight& weight = *coded.weight;
  const int64_t count = coded.outputs * coded.inputs;
  if (count == 0) return 0;
  switch (weight.form) {
    case WeightForm::dense:
      if (weight.dtype != DType::f32) return 1;
      return sampled_density(count,
                             [&](int64_t i) { return element<float>(weight.values, i) == 0; });
    case WeightForm::csr:
    case WeightForm::block_sparse:
    case WeightForm::sparse_codebook:
      return static_cast<double>(weight.count * weight.block_rows * weight.block_columns) /
             static_cast<double>(count);
    case WeightForm::bits:
      return 1;
    default: {
      const Span& codes = weight.form == WeightForm::codebook ? weight.codes : weight.values;
      return sampled_density(count, [&](int64_t i) {
        return code_for(coded, packed_integer(codes, i, weight.code_bits)) == 0;
      });
    }
  }
}

void find_codes(CodedWeight* coded) {
  const Weight& weight = *coded->weight;
  if (!has_codes(weight)) {
    coded->no_coded = "the weights have no codes";
    coded->gapped_code = Code::f32;
    if (weight.form == WeightForm::dense && weight.dtype != DType::f32) {
      coded->no_gapped = "the weights are not f32";
    }
    return;
  }
  make_table(weight, coded);
  coded->gapped_code = codebook::code_of(static_cast<int64_t>(coded->table.size()));
  coded->coded_code = coded->gapped_code;
  if (coded->gapped_code == Code::f32) {
    coded->no_coded = coded->no_gapped = "256 values and zero are more than a byte can tell";
  }
  if (weight.form == WeightForm::scaled && weight.code_bits == 8) coded->coded_code = Code::s8;
  if (is_scaled(weight) && !coded->transposed) {
    coded->no_coded = coded->no_gapped = "the weights' scales do not belong to outputs";
  }
}

}  // namespace

CodedWeight coded_weight(const Weight& weight, bool transposed) {
  CodedWeight coded{};
  coded.weight = &weight;
  coded.transposed = transposed;
  coded.outputs = weight.shape[transposed ? 0 : 1];
  coded.inputs = weight.shape[transposed ? 1 : 0];
  find_codes(&coded);
  coded.density = density_of(coded);
  if (weight.form == WeightForm::bits) coded.no_gapped = "every weight is there";
  coded.no_windowed = coded.no_gapped;
  if (coded.no_windowed.empty() && coded.gapped_code == Code::c8)
    coded.no_windowed = "its values are more than registers hold";
  return coded;
}

namespace {

template <class Put>
void for_each_present_code(const CodedWeight& coded, Put&& put) {
  const bool transposed = coded.transposed;
  for_each_code(*coded.weight, [&](int64_t row, int64_t column, int stored) {
    const int code = code_for(coded, stored);
    if (code != 0) put(transposed ? row : column, transposed ? column : row, code);
  });
}

template <class Put>
void for_each_present_value(const CodedWeight& coded, Put&& put) {
  const bool transposed = coded.transposed;
  const auto visit = [&](int64_t row, int64_t column, float value) {
    if (value != 0) put(transposed ? row : column, transposed ? column : row, value);
  };
  if (coded.weight->form != WeightForm::dense) return for_each_stored(*coded.weight, visit);
  const MatrixWalk matrix(*coded.weight);
  for (int64_t row = 0; row < matrix.rows(); ++row) {
    for (int64_t column = 0; column < matrix.columns(); ++column) {
      visit(row, column, element<float>(coded.weight->values, row * matrix.columns() + column));
    }
  }
}

}  // namespace

namespace {

/// The weights that are there, by GappedPacker or WindowedPacker.
template <class Packer>
AlignedBuffer pack_present(const CodedWeight& coded, Packer packer) {
  const auto count = [&](int64_t output, int64_t input, auto) { packer.count(output, input); };
  if (coded.gapped_code == Code::f32) {
    for_each_present_value(coded, count);
    packer.place(nullptr, 0);
    for_each_present_value(coded, [&](int64_t output, int64_t input, float value) {
      packer.put_value(output, input, value);
    });
  } else {
    for_each_present_code(coded, count);
    packer.place(coded.table.data(), static_cast<int64_t>(coded.table.size()));
    for_each_present_code(
        coded, [&](int64_t output, int64_t input, int code) { packer.put(output, input, code); });
  }
  return packer.take();
}

}  // namespace

AlignedBuffer pack_gapped(const CodedWeight& coded) {
  return pack_present(coded,
                      codebook::GappedPacker(coded.outputs, coded.inputs, coded.gapped_code));
}

AlignedBuffer pack_windowed(const CodedWeight& coded) {
  return pack_present(coded, codebook::WindowedPacker(coded.outputs, coded.inputs,
                                                      coded.gapped_code, coded.transposed));
}

AlignedBuffer pack_coded(const CodedWeight& coded, int group_outputs) {
  const bool integers = coded.coded_code == Code::s8;
  codebook::CodedPacker packer(coded.outputs, coded.inputs, coded.coded_code, group_outputs,
                               coded.table.data(),
                               integers ? 0 : static_cast<int64_t>(coded.table.size()));
  if (integers) {
    for_each_code(*coded.weight, [&](int64_t output, int64_t input, int code) {
      packer.put(output, input, code);
    });
  } else {
    for_each_present_code(
        coded, [&](int64_t output, int64_t input, int code) { packer.put(output, input, code); });
  }
  return packer.take();
}

std::vector<float> output_scale(const CodedWeight& coded, float alpha) {
  const bool scaled = is_scaled(*coded.weight);
  if (!scaled && alpha == 1) return {};
  std::vector<float> scale(static_cast<size_t>(coded.outputs), alpha);
  for (size_t i = 0; scaled && i < scale.size(); ++i) {
    scale[i] *= element<float>(coded.weight->scale, static_cast<int64_t>(i));
  }
  return scale;
}

}  // namespace fi::plan
