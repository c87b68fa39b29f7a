#include "server/slow_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/text.h"

namespace idem::server {
namespace {

std::string CutWord(std::string_view word) {
  if (word.size() <= SlowLog::kWordBytes) return std::string(word);
  return absl::StrCat(Absl(word.substr(0, SlowLog::kWordBytes)), "... (",
                      word.size() - SlowLog::kWordBytes, " more bytes)");
}

std::vector<std::string> Cut(std::span<const std::string_view> words) {
  const bool all = words.size() <= SlowLog::kWords;
  const size_t kept = all ? words.size() : SlowLog::kWords - 1;
  std::vector<std::string> cut;
  for (const std::string_view word : words.first(kept)) cut.push_back(CutWord(word));
  if (!all) cut.push_back(absl::StrCat("... (", words.size() - kept, " more arguments)"));
  return cut;
}

}  // namespace

void SlowLog::Add(int64_t unix_seconds, int64_t duration_us,
                  std::span<const std::string_view> words, std::string_view peer,
                  std::string_view client_name) {
  Entry entry = {.id = 0,
                 .unix_seconds = unix_seconds,
                 .duration_us = duration_us,
                 .words = Cut(words),
                 .peer = std::string(peer),
                 .client_name = std::string(client_name)};
  const std::lock_guard lock(mutex_);
  entry.id = next_id_++;
  entries_.push_back(std::move(entry));
  while (entries_.size() > entries_max_) entries_.pop_front();
}

std::vector<SlowLog::Entry> SlowLog::Newest(size_t count) const {
  const std::lock_guard lock(mutex_);
  const size_t told = std::min(count, entries_.size());
  return {entries_.rbegin(), entries_.rbegin() + static_cast<std::ptrdiff_t>(told)};
}

size_t SlowLog::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void SlowLog::Clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

}  // namespace idem::server
