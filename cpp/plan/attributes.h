// Typed access to a step's attributes; a wrong type or value is Error(attribute) that names the
// step.
#pragma once

#include <string>
#include <vector>

#include "base/activation.h"
#include "base/window.h"
#include "plan/program.h"

namespace fi::plan {

class Attributes {
 public:
  explicit Attributes(const Step& step) : step_(step) {}

  bool has(const char* name) const { return step_.attributes.count(name) != 0; }
  /// A bool counts as 0 or 1.
  int64_t integer(const char* name) const;
  int64_t integer(const char* name, int64_t fallback) const;
  /// An integer in [low, high].
  int64_t integer_in(const char* name, int64_t fallback, int64_t low, int64_t high) const;
  /// An integer counts as real.
  double real(const char* name, double fallback) const;
  bool flag(const char* name, bool fallback) const;
  std::string text(const char* name) const;
  std::string text(const char* name, const std::string& fallback) const;
  /// An empty list of reals counts as one of integers.
  std::vector<int64_t> integers(const char* name) const;
  std::vector<int64_t> integers(const char* name, const std::vector<int64_t>& fallback) const;
  std::vector<double> reals(const char* name, const std::vector<double>& fallback) const;
  /// "axis", counted from the end if negative.
  int axis(int rank, int fallback) const;
  /// activation, activation_alpha, activation_beta; absent or empty: none.
  Activation activation() const;

  [[noreturn]] void refuse(const char* name, const std::string& reason) const;

 private:
  const Attribute* find(const char* name) const;
  const Attribute& need(const char* name) const;

  const Step& step_;
};

/// strides, dilations and the first two of pads, each in the range of Window, with the kernel
/// given.
Window window_of(const Attributes& attributes, int64_t kernel_h, int64_t kernel_w);

}  // namespace fi::plan
