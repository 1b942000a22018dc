#include "base/buffer.h"

#include <new>

#include "base/error.h"

namespace fi {

AlignedBuffer::AlignedBuffer(int64_t bytes) {
  if (bytes == 0) return;
  void* memory = bytes > 0 ? ::operator new(static_cast<size_t>(bytes),
                                            std::align_val_t(kAlignment), std::nothrow)
                           : nullptr;
  if (!memory) {
    throw Error(ErrorKind::memory, "cannot allocate " + std::to_string(bytes) + " bytes");
  }
  memory_.reset(static_cast<char*>(memory));
  bytes_ = bytes;
}

void AlignedBuffer::Free::operator()(char* memory) const {
  ::operator delete(memory, std::align_val_t(kAlignment));
}

}  // namespace fi
