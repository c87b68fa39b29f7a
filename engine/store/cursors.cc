#include "store/cursors.h"

#include <charconv>

namespace idem::engine {

std::string CursorKey(std::string_view name) { return std::string(kCursorKeyPrefix).append(name); }

std::optional<Lsn> CursorLsn(std::string_view value) {
  Lsn lsn = 0;
  const char* const end = value.data() + value.size();
  const auto [stop, error] = std::from_chars(value.data(), end, lsn);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return lsn;
}

std::string CursorValue(Lsn lsn) { return std::to_string(lsn); }

bool Cursors::Add(const std::string& key) {
  MutexLock lock(mutex_);
  if (keys_.size() >= kMax && !keys_.contains(key)) return false;
  keys_.insert(key);
  return true;
}

void Cursors::Forget(const std::string& key) {
  MutexLock lock(mutex_);
  keys_.erase(key);
}

std::vector<std::string> Cursors::keys() const {
  MutexLock lock(mutex_);
  return {keys_.begin(), keys_.end()};
}

}  // namespace idem::engine
