#include "plan/choose.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <limits>

#include "plan/choose_blocks.h"
#include "plan/choose_direct.h"
#include "plan/choose_fft.h"
#include "plan/choose_grouped.h"
#include "plan/choose_lowered.h"
#include "plan/choose_winograd.h"
#include "simd/tier.h"

namespace fi::plan {
namespace {

const char* const kAlgorithms[] = {"depthwise",    "grouped",          "pointwise",    "direct",
                                   "indirect",     "im2col",           "mec",          "gemm",
                                   "naive",        "gapped",           "coded",        "windowed",
                                   "winograd_f23", "winograd_f43",     "winograd_f63", "fft",
                                   "sparse",       "depthwise_planar", "blocks"};

// Share of the peak that the micro-kernels reach, and what the forms of the lhs cost beside their
// multiplications.
constexpr double kGemmEfficiency = 0.85;
constexpr double kDepthwiseEfficiency = 0.45;
constexpr double kMultiplierCycles = 2;  // depthwise: outputs of one input, of one tap
constexpr double kTapCycles = 1.5;  // offsets form: address of one tap of one row, per column panel
constexpr double kGroupTapCycles = 11;  // the same where groups make the taps short
constexpr double kPanelColumns = 48;    // columns that one pass over the lhs makes
constexpr double kLeastColumns = 16;    // narrower outputs waste the rest of a vector

constexpr double kMostExpectedError = 2e-5;

std::string in_cycles(double cycles) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g Mcycles", cycles / 1e6);
  return text;
}

double output_pixels(const ConvQuery& q) {
  return static_cast<double>(q.batch) * static_cast<double>(q.out_height) *
         static_cast<double>(q.out_width);
}

double panels(const ConvQuery& q) {
  const double columns = static_cast<double>(q.out_channels) / static_cast<double>(q.groups);
  return std::max(1.0, columns / kPanelColumns) * static_cast<double>(q.groups);
}

/// Measured: 0.45 up to 7x7, 0.6 at 11x11, 0.75 at 15x15, the whole peak at 31x31.
double depthwise_efficiency(const Window& window) {
  const double taps = static_cast<double>(window.taps());
  return std::clamp(kDepthwiseEfficiency * std::cbrt(taps / 49), kDepthwiseEfficiency, 1.0);
}

Candidate depthwise(const ConvQuery& q, const Machine& machine) {
  Candidate c{"depthwise"};
  if (q.groups != q.in_channels) c.refusal = "a group has more than one input channel";
  if (!q.constant_weights) c.refusal = "the weights are not constant";
  const double taps = output_pixels(q) * static_cast<double>(q.window.taps());
  const double inputs = static_cast<double>(q.in_channels),
               outputs = static_cast<double>(q.out_channels);
  c.cycles =
      q.in_channels == q.out_channels
          ? taps * outputs / (machine.macs_per_cycle * depthwise_efficiency(q.window))
          : taps * std::max(inputs, 2 * outputs / machine.macs_per_cycle) * kMultiplierCycles;
  return c;
}

Candidate pointwise(const ConvQuery& q, const Machine& machine) {
  Candidate c{"pointwise", gemm_cycles(q, machine)};
  const Window& w = q.window;
  const bool covers = q.out_height == q.in_height && q.out_width == q.in_width;
  if (w.taps() != 1) {
    c.refusal = "the window has more than one tap";
  } else if (w.stride_h != 1 || w.stride_w != 1) {
    c.refusal = "a stride skips pixels";
  } else if (w.pad_top != 0 || w.pad_left != 0 || !covers) {
    c.refusal = "the input is padded or cropped";
  } else if (!q.uniform_pixels) {
    c.refusal = "the input's pixels are not evenly spaced";
  }
  return c;
}

Candidate indirect(const ConvQuery& q, const Machine& machine) {
  const double taps = static_cast<double>(q.window.taps());
  const double tap_cycles = q.groups == 1 ? kTapCycles : kGroupTapCycles;
  Candidate c{"indirect",
              gemm_cycles(q, machine) + output_pixels(q) * taps * panels(q) * tap_cycles};
  if (q.input_bytes >= std::numeric_limits<int32_t>::max()) {
    c.refusal = "the input is over 2 GiB, beyond 32-bit offsets";
  }
  return c;
}

}  // namespace

double gemm_cycles(const ConvQuery& q, const Machine& machine) {
  const double columns =
      std::max(kLeastColumns, static_cast<double>(q.out_channels) / static_cast<double>(q.groups));
  const double k = static_cast<double>(q.in_channels) / static_cast<double>(q.groups) *
                   static_cast<double>(q.window.taps());
  return output_pixels(q) * columns * static_cast<double>(q.groups) * k /
         (machine.macs_per_cycle * kGemmEfficiency);
}

Machine machine_of(FeatureMask features) {
  const auto usable = [&](Tier tier) {
    const TierInfo& info = info_of(tier);
    return info.compiled && (info.required & ~features) == 0;
  };
  if (usable(Tier::avx512)) return {32, 16, 1.0, 1.75, 1.2};
  if (usable(Tier::avx2)) return {16, 16, 0.9, 9, 0.85};
  if (usable(Tier::neon)) return {8, 8, 1.5, 50, 1.2};
  return {4, 8, 4, 80, 1.2};
}

void Candidate::expect_error(double expected) {
  error = expected;
  if (error <= kMostExpectedError) return;
  char text[96];
  std::snprintf(text, sizeof text, "an error of %.1e is to be expected, over %.0e", error,
                kMostExpectedError);
  inaccurate = text;
}

Choice choose(const std::vector<Candidate>& candidates, const Wish& wish) {
  Choice choice;
  for (const Candidate& c : candidates) {
    if (c.lowered_bytes > 0) choice.lowered_bytes.emplace_back(c.algorithm, c.lowered_bytes);
    if (c.error > 0) choice.errors.emplace_back(c.algorithm, c.error);
  }
  const Candidate* best = nullptr;
  const Candidate* second = nullptr;
  for (const Candidate& c : candidates) {
    if (!c.refusal.empty() || !c.inaccurate.empty()) continue;
    choice.candidates.emplace_back(c.algorithm, c.cycles);
    if (!best || c.cycles < best->cycles) {
      second = best;
      best = &c;
    } else if (!second || c.cycles < second->cycles) {
      second = &c;
    }
  }
  if (!best) {
    for (const Candidate& c : candidates) choice.refused.emplace_back(c.algorithm, c.refusal);
    return choice;
  }
  choice.why = second ? in_cycles(best->cycles) + " estimated, " + second->algorithm + " " +
                            in_cycles(second->cycles)
                      : "the only one that can";
  for (const Candidate& c : candidates) {
    if (c.algorithm != wish.algorithm || !c.refusal.empty()) continue;
    if (wish.tuned.empty()) {
      best = &c;
      choice.forced = true;
      choice.why = "asked for";
      choice.candidates = {{c.algorithm, c.cycles}};
    } else if (c.inaccurate.empty()) {
      best = &c;
      choice.why = wish.tuned;
    }
  }
  choice.algorithm = best->algorithm;
  const char* const slower =
      choice.why == wish.tuned ? "timed slower, estimated " : "estimated slower, ";
  for (const Candidate& c : candidates) {
    if (&c == best) continue;
    const std::string& reason = c.refusal.empty() ? c.inaccurate : c.refusal;
    choice.refused.emplace_back(c.algorithm,
                                reason.empty() ? slower + in_cycles(c.cycles) : reason);
  }
  return choice;
}

void Choice::tell(StepReport& report) const {
  report.why = why;
  report.refused = refused;
  report.candidates = candidates;
  report.lowered_bytes = lowered_bytes;
  report.errors = errors;
}

std::vector<Candidate> conv_candidates(const ConvQuery& query, const Machine& machine) {
  std::vector<Candidate> all = {depthwise(query, machine),    grouped_candidate(query, machine),
                                pointwise(query, machine),    direct_candidate(query, machine),
                                indirect(query, machine),     im2col_candidate(query, machine),
                                mec_candidate(query, machine)};
  for (Candidate& c : winograd_candidates(query, machine)) all.push_back(std::move(c));
  all.push_back(fft_candidate(query, machine));
  if (query.block_outputs > 0) all.push_back(block_candidate(query, machine));
  for (Candidate& c : all) {
    const bool copies =
        (query.planar && c.algorithm != "direct") || (query.placed && c.algorithm != "pointwise");
    if (copies) c.cycles += interleaving_cycles(query);
  }
  // Planar algorithms are another layout's: the passes decide between the two, by these figures.
  for (Candidate& c : planar_candidates(query, machine)) {
    if (c.algorithm != "sparse" || query.density >= 1 || !c.refusal.empty()) continue;
    c.refusal = "its tensors are NHWC here; planar it would take " + in_cycles(c.cycles);
    all.push_back(std::move(c));
  }
  return all;
}

bool is_algorithm(const std::string& name) {
  return std::any_of(std::begin(kAlgorithms), std::end(kAlgorithms),
                     [&](const char* known) { return name == known; });
}

std::string algorithm_names() {
  std::string names;
  for (const char* name : kAlgorithms) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

}  // namespace fi::plan
