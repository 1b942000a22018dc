#include "base/buffer.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include <new>

#include "base/error.h"

namespace fi {
namespace {

/// Large buffers are better off in large pages: packed weights are read once per run, from end to
/// end, and their small pages are more than the TLB holds. A wish only.
constexpr int64_t kLargePage = 2 << 20, kLarge = 4 * kLargePage;

void prefer_large_pages(void* memory, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  const auto start = reinterpret_cast<uintptr_t>(memory);
  const uintptr_t first = (start + kLargePage - 1) & ~static_cast<uintptr_t>(kLargePage - 1);
  const uintptr_t last =
      (start + static_cast<uintptr_t>(bytes)) & ~static_cast<uintptr_t>(kLargePage - 1);
  if (last > first) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#else
  (void)memory;
  (void)bytes;
#endif
}

}  // namespace

AlignedBuffer::AlignedBuffer(int64_t bytes) {
  if (bytes == 0) return;
  void* memory = bytes > 0 ? ::operator new(static_cast<size_t>(bytes),
                                            std::align_val_t(kAlignment), std::nothrow)
                           : nullptr;
  if (!memory) {
    throw Error(ErrorKind::memory, "cannot allocate " + std::to_string(bytes) + " bytes");
  }
  if (bytes >= kLarge) prefer_large_pages(memory, bytes);
  memory_.reset(static_cast<char*>(memory));
  bytes_ = bytes;
}

void AlignedBuffer::Free::operator()(char* memory) const {
  ::operator delete(memory, std::align_val_t(kAlignment));
}

}  // namespace fi
