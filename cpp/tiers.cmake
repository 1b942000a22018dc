# Reads simd/*/tier.cmake; FI_COMPILED_TIERS are the tiers of this architecture, weakest first. A tier.cmake sets
# FI_ARCH_<tier> (a regular expression for the processor), FI_FLAGS_<tier> and FI_ROOMS_<tier>.

set(FI_ALL_TIERS scalar avx2 avx512 neon)
set(FI_COMPILED_TIERS "")
set(tier_includes "")
set(tier_rows "")
foreach(tier IN LISTS FI_ALL_TIERS)
  include(simd/${tier}/tier.cmake)
  set(compiled false)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "${FI_ARCH_${tier}}")
    list(APPEND FI_COMPILED_TIERS ${tier})
    set(compiled true)
  endif()
  string(APPEND tier_includes "#include \"simd/${tier}/tier.h\"\n")
  string(APPEND tier_rows " X(${tier}, ${compiled})")
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/tiers.inc
     CONTENT "${tier_includes}#define FI_ALL_TIERS(X)${tier_rows}\n")
