# A CMake toolchain of PyPI's ziglang. third_party/build_wheel.py writes its three commands, and sets
#   FASTINFER_ZIG        the folder that holds c++, ar and ranlib
#   FASTINFER_PROCESSOR  aarch64 or x86_64
#   FASTINFER_INCLUDE    a folder of headers that this machine lacks; empty: there is none
#   FASTINFER_SUFFIX     ending of the extension module, such as .cpython-311-aarch64-linux-gnu.so; empty: CMake asks Python
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR $ENV{FASTINFER_PROCESSOR})
set(CMAKE_CXX_COMPILER $ENV{FASTINFER_ZIG}/c++)
set(CMAKE_AR $ENV{FASTINFER_ZIG}/ar CACHE FILEPATH "")
set(CMAKE_RANLIB $ENV{FASTINFER_ZIG}/ranlib CACHE FILEPATH "")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
if(NOT "$ENV{FASTINFER_INCLUDE}" STREQUAL "")
  include_directories(SYSTEM $ENV{FASTINFER_INCLUDE})
endif()

# The interpreter that CMake finds is the host's: what it says of its modules' names is not asked.
if(NOT "$ENV{FASTINFER_SUFFIX}" STREQUAL "")
  set(PYBIND11_USE_CROSSCOMPILING ON)
  set(PYTHON_IS_DEBUG OFF)
  set(PYTHON_MODULE_EXTENSION "$ENV{FASTINFER_SUFFIX}")
  set(PYTHON_MODULE_DEBUG_POSTFIX "")
endif()

# Each other way of compiling makes zig build another libc++: pybind11 probes link-time optimisation, CMake tries Debug.
set(CMAKE_INTERPROCEDURAL_OPTIMIZATION OFF)
set(CMAKE_TRY_COMPILE_CONFIGURATION Release)
set(CMAKE_MODULE_LINKER_FLAGS_INIT "-Wl,-s")  # the host's strip reads no foreign files
