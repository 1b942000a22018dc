#include "plan/choose_product.h"

#include <algorithm>

#include "kernels/codebook/pack.h"

namespace fi::plan {
namespace {

using codebook::Code;

constexpr double kGemmEfficiency = 0.85;
// Weights larger than these do not come from L2, or from L3, each time; between them the dense
// products reach what the best L3 gives one core, so that a coded form is not taken too early.
constexpr double kL2 = 1 << 20, kL3 = 96 << 20;
constexpr double kL2Bytes = 32, kL3Bytes = 10, kMemoryBytes = 6;  // a cycle

// Of one step of a kernel beside the gathers of x, per weight.
constexpr double kEntryCycles = 0.05;
// Of a group beside its weights: measured where they are few (256 x 256 is faster dense at 5 %).
// Measured break-even of one row, f32 against gapped f32: a density of about 0.65 from 1024 x 1000
// on; of four rows 0.2, of eight 0.15, of 32 rows 0.06.
constexpr double kGroupCycles = 400, kWindowGroupCycles = 40;

double read_cycles(double bytes) {
  if (bytes <= kL2) return bytes / kL2Bytes;
  return bytes / (bytes <= kL3 ? kL3Bytes : kMemoryBytes);
}

double elements(const ProductQuery& q) {
  return static_cast<double>(q.n) * static_cast<double>(q.k);
}

double rows(const ProductQuery& q) { return static_cast<double>(q.m); }

/// How often kernels that take kMaxRows rows at once decode the weights.
double passes(const ProductQuery& q) {
  return static_cast<double>((q.m + codebook::kMaxRows - 1) / codebook::kMaxRows);
}

}  // namespace

double dense_cycles(const ProductQuery& q, const Machine& machine) {
  return std::max(rows(q) * elements(q) / (machine.macs_per_cycle * kGemmEfficiency),
                  read_cycles(elements(q) * sizeof(float)));
}

double gapped_cycles(const ProductQuery& q, double density, Code code, const Machine& machine) {
  const double there = density * elements(q);
  double entry = passes(q) * kEntryCycles + rows(q) * machine.gather_cycles;
  if (code == Code::c8) entry += passes(q) * machine.gather_cycles;
  const double bytes =
      static_cast<double>(codebook::gapped_bytes(static_cast<int64_t>(there), code));
  const double groups = static_cast<double>(q.n) / codebook::kGroup;
  return std::max(there * entry + groups * passes(q) * kGroupCycles, read_cycles(bytes));
}

double windowed_cycles(const ProductQuery& q, double density, Code code, const Machine& machine) {
  const double bytes = static_cast<double>(codebook::windowed_bytes(q.n, q.k, density, code));
  const double blocks = bytes / static_cast<double>(codebook::window_block_bytes(code));
  // Decoding takes half of a step of one row.
  const double steps = blocks * codebook::kWindowEntries * (passes(q) + rows(q)) / 2;
  const double groups = static_cast<double>(q.n) / codebook::kGroup;
  return std::max(steps * machine.window_cycles + groups * passes(q) * kWindowGroupCycles,
                  read_cycles(bytes));
}

double coded_cycles(const ProductQuery& q, Code code, const Machine& machine) {
  // Measured: a table of 16 values is one register or several, beside one multiplication for each
  // row.
  const double lanes = machine.macs_per_cycle / 2, decoding = lanes >= 16 ? 0.8 : 1.5;
  double weight = passes(q) * decoding / lanes + rows(q) / machine.macs_per_cycle;
  if (code == Code::c8) weight += passes(q) * machine.gather_cycles;
  return std::max(elements(q) * weight,
                  read_cycles(static_cast<double>(codebook::coded_bytes(q.n, q.k, code))));
}

}  // namespace fi::plan
