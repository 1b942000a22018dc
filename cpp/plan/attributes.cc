#include "plan/attributes.h"

#include <cmath>

#include "base/error.h"

namespace fi::plan {
namespace {

// Far beyond any network, and small enough that products of three of them fit 64 bits.
constexpr int64_t kLargestWindow = 1 << 20;

bool as_integer(const Attribute& attribute, int64_t* out) {
  if (const auto* b = std::get_if<bool>(&attribute)) return *out = *b, true;
  if (const auto* i = std::get_if<int64_t>(&attribute)) return *out = *i, true;
  return false;
}

}  // namespace

void Attributes::refuse(const char* name, const std::string& reason) const {
  throw Error(ErrorKind::attribute, step_.name, "",
              step_.op + ": attribute " + name + " " + reason);
}

const Attribute* Attributes::find(const char* name) const {
  auto found = step_.attributes.find(name);
  return found == step_.attributes.end() ? nullptr : &found->second;
}

const Attribute& Attributes::need(const char* name) const {
  const Attribute* found = find(name);
  if (!found) refuse(name, "is missing");
  return *found;
}

int64_t Attributes::integer(const char* name) const {
  int64_t value = 0;
  if (!as_integer(need(name), &value)) refuse(name, "is not an integer");
  return value;
}

int64_t Attributes::integer(const char* name, int64_t fallback) const {
  return has(name) ? integer(name) : fallback;
}

int64_t Attributes::integer_in(const char* name, int64_t fallback, int64_t low,
                               int64_t high) const {
  const int64_t value = integer(name, fallback);
  if (value < low || value > high) refuse(name, "is out of range");
  return value;
}

double Attributes::real(const char* name, double fallback) const {
  const Attribute* found = find(name);
  if (!found) return fallback;
  if (const auto* value = std::get_if<double>(found)) return *value;
  return static_cast<double>(integer(name));
}

bool Attributes::flag(const char* name, bool fallback) const {
  return integer(name, fallback) != 0;
}

std::string Attributes::text(const char* name) const {
  const auto* value = std::get_if<std::string>(&need(name));
  if (!value) refuse(name, "is not a string");
  return *value;
}

std::string Attributes::text(const char* name, const std::string& fallback) const {
  return has(name) ? text(name) : fallback;
}

std::vector<int64_t> Attributes::integers(const char* name) const {
  const Attribute& found = need(name);
  if (const auto* value = std::get_if<std::vector<int64_t>>(&found)) return *value;
  const auto* reals = std::get_if<std::vector<double>>(&found);
  if (!reals || !reals->empty()) refuse(name, "is not a list of integers");
  return {};
}

std::vector<int64_t> Attributes::integers(const char* name,
                                          const std::vector<int64_t>& fallback) const {
  return has(name) ? integers(name) : fallback;
}

std::vector<double> Attributes::reals(const char* name, const std::vector<double>& fallback) const {
  const Attribute* found = find(name);
  if (!found) return fallback;
  if (const auto* value = std::get_if<std::vector<double>>(found)) return *value;
  const std::vector<int64_t> whole = integers(name);
  return {whole.begin(), whole.end()};
}

int Attributes::axis(int rank, int fallback) const {
  int64_t value = integer("axis", fallback);
  if (value < 0) value += rank;
  if (value < 0 || value >= rank) refuse("axis", "is out of range");
  return static_cast<int>(value);
}

Activation Attributes::activation() const {
  Activation activation;
  const std::string kind = text("activation", "");
  if (kind.empty()) return activation;
  if (!activation_from_name(kind.c_str(), &activation.kind)) refuse("activation", "is unknown");
  activation.alpha = static_cast<float>(real("activation_alpha", 0));
  activation.beta = static_cast<float>(real("activation_beta", 0));
  return activation;
}

Window window_of(const Attributes& attributes, int64_t kernel_h, int64_t kernel_w) {
  const auto strides = attributes.integers("strides", {1, 1});
  const auto dilations = attributes.integers("dilations", {1, 1});
  const auto pads = attributes.integers("pads", {0, 0, 0, 0});
  if (strides.size() != 2) attributes.refuse("strides", "must have 2 entries");
  if (dilations.size() != 2) attributes.refuse("dilations", "must have 2 entries");
  if (pads.size() != 4) attributes.refuse("pads", "must have 4 entries");
  const auto narrow = [&](int64_t value, const char* name, int64_t low) {
    if (value < low || value > kLargestWindow) attributes.refuse(name, "is out of range");
    return static_cast<int32_t>(value);
  };
  Window window;
  window.kernel_h = narrow(kernel_h, "kernel", 1);
  window.kernel_w = narrow(kernel_w, "kernel", 1);
  window.stride_h = narrow(strides[0], "strides", 1);
  window.stride_w = narrow(strides[1], "strides", 1);
  window.dilation_h = narrow(dilations[0], "dilations", 1);
  window.dilation_w = narrow(dilations[1], "dilations", 1);
  window.pad_top = narrow(pads[0], "pads", -kLargestWindow);
  window.pad_left = narrow(pads[1], "pads", -kLargestWindow);
  return window;
}

}  // namespace fi::plan
