// What was built, and what of it can be used here.
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "cpu/cache.h"
#include "cpu/features.h"
#include "cpu/topology.h"
#include "parallel/pool.h"

namespace py = pybind11;

namespace fi::bindings {
namespace {

#if defined(__clang__)
constexpr const char* kCompiler = "Clang " __clang_version__;
#else
constexpr const char* kCompiler = "GCC " __VERSION__;
#endif

py::dict build_config() {
  py::list compiled, usable;
  py::dict not_usable, caches;
  for (int i = 0; i < kTiers; ++i) {
    const TierInfo& tier = tiers()[i];
    if (tier.compiled) compiled.append(tier.name);
    const std::string why = cpu::why_not(tier.tier);
    if (why.empty()) {
      usable.append(tier.name);
    } else {
      not_usable[tier.name] = why;
    }
  }
  const cpu::CacheSizes sizes = cpu::cache_sizes();
  caches["l1d"] = sizes.l1d;
  caches["l2"] = sizes.l2;
  caches["l3"] = sizes.l3;

  py::dict config;
  config["version"] = FI_VERSION;
  config["compiler"] = kCompiler;
  config["tiers_compiled"] = compiled;
  config["tiers_usable"] = usable;
  config["tiers_not_usable"] = not_usable;
  config["features"] = cpu::names_of(cpu::detected());
  config["cpus"] = cpu::usable_cpus();
  config["threads"] = cpu::default_threads();
  config["cache_bytes"] = caches;
  return config;
}

}  // namespace

void bind_build_config(py::module_& module) {
  parallel::set_processors(cpu::usable_cpus());
  module.attr("__version__") = FI_VERSION;
  module.def("build_config", &build_config,
             "Version, compiler, tiers (compiled, usable, and why not), CPU features, threads, "
             "cache sizes in bytes.");
}

}  // namespace fi::bindings
