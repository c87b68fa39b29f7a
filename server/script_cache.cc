#include "server/script_cache.h"

#include "server/text.h"

namespace idem::server {

const KnownScript* ScriptCache::Find(std::string_view sha1) const {
  const std::lock_guard lock(mutex_);
  const auto found = scripts_.find(Absl(sha1));
  return found == scripts_.end() ? nullptr : found->second;
}

void ScriptCache::Add(std::string_view sha1, const KnownScript* script) {
  const std::lock_guard lock(mutex_);
  if (scripts_.size() >= kScripts) scripts_.clear();
  scripts_.emplace(sha1, script);
}

void ScriptCache::Flush() {
  const std::lock_guard lock(mutex_);
  scripts_.clear();
}

}  // namespace idem::server
