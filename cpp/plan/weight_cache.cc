#include "plan/weight_cache.h"

namespace fi::plan {

PackedPtr WeightCache::find(const Key& key) {
  auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->packed;
}

WeightCache::Entries WeightCache::evict() {
  Entries evicted;
  while (bytes_ > limit_bytes_ && entries_.size() > 1) {
    auto last = std::prev(entries_.end());
    bytes_ -= last->packed->bytes();
    index_.erase(last->key);
    evicted.splice(evicted.begin(), entries_, last);
  }
  return evicted;
}

PackedPtr WeightCache::get(const WeightPtr& weight, const std::string& format, int64_t bytes,
                           const std::function<void(char*)>& fill) {
  return get(weight, format, [&] {
    AlignedBuffer packed(bytes);
    fill(packed.data());
    return packed;
  });
}

PackedPtr WeightCache::get(const WeightPtr& weight, const std::string& format,
                           const std::function<AlignedBuffer()>& make) {
  const Key key{weight->id, format};
  {
    std::lock_guard lock(mutex_);
    if (PackedPtr packed = find(key)) return packed;
  }
  auto packed = std::make_shared<const AlignedBuffer>(make());
  Entries
      evicted;  // dies after the lock is released: a weight's owner may need Python's lock to go
  std::lock_guard lock(mutex_);
  if (PackedPtr first = find(key)) return first;
  entries_.push_front({key, weight->identity, packed});
  index_[key] = entries_.begin();
  bytes_ += packed->bytes();
  evicted = evict();
  return packed;
}

int64_t WeightCache::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

int64_t WeightCache::entries() const {
  std::lock_guard lock(mutex_);
  return static_cast<int64_t>(entries_.size());
}

}  // namespace fi::plan
