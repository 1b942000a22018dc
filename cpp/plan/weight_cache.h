// Packed weights, shared among the plans of a model: (weight, packing format) -> bytes.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/buffer.h"
#include "plan/weight.h"

namespace fi::plan {

using PackedPtr = std::shared_ptr<const AlignedBuffer>;
using WeightPtr = std::shared_ptr<const Weight>;

/// Least recently used first out, once the bytes exceed the limit. A plan holds what it uses, so an
/// entry that leaves the cache lives on until its last plan dies. Safe to use from any thread.
class WeightCache {
 public:
  explicit WeightCache(int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// The weight packed as `format`; `fill` writes the `bytes` of it if the cache has none. Two
  /// threads that miss at once both fill, and the first one's bytes stay.
  PackedPtr get(const WeightPtr& weight, const std::string& format, int64_t bytes,
                const std::function<void(char*)>& fill);
  /// The same where only packing tells the size.
  PackedPtr get(const WeightPtr& weight, const std::string& format,
                const std::function<AlignedBuffer()>& make);

  int64_t bytes() const;
  int64_t entries() const;

 private:
  using Key = std::pair<uint64_t, std::string>;
  struct Entry {
    Key key;
    std::shared_ptr<const void> identity;  // so that the id stays that of one weight
    PackedPtr packed;
  };
  using Entries = std::list<Entry>;  // most recently used first

  PackedPtr find(const Key& key);
  Entries evict();

  const int64_t limit_bytes_;
  mutable std::mutex mutex_;
  int64_t bytes_ = 0;
  Entries entries_;
  std::map<Key, Entries::iterator> index_;
};

}  // namespace fi::plan
