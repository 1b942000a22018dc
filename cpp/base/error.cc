#include "base/error.h"

namespace fi {

const char* name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::shape:
      return "shape";
    case ErrorKind::dtype:
      return "dtype";
    case ErrorKind::attribute:
      return "attribute";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::memory:
      return "memory";
    case ErrorKind::isa:
      return "isa";
    case ErrorKind::value:
      return "value";
    case ErrorKind::argument:
      return "argument";
    case ErrorKind::internal:
      return "internal";
  }
  return "internal";
}

}  // namespace fi
