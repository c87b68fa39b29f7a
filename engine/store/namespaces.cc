#include "store/namespaces.h"

#include <algorithm>

namespace idem::engine {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::string_view NameOf(const std::unique_ptr<Namespace>& space) { return space->options().name; }

}  // namespace

void Namespace::CountEntry(size_t bytes, int sign) {
  const auto one = static_cast<uint64_t>(int64_t{sign});
  entries_.fetch_add(one, kRelaxed);
  bytes_.fetch_add(one * bytes, kRelaxed);
}

void Namespace::CountReply(const Reply& reply, bool finished) {
  switch (reply.outcome) {
    case Outcome::kClaimed:
      claims_.fetch_add(1, kRelaxed);
      break;
    case Outcome::kReplay:
      replays_.fetch_add(1, kRelaxed);
      break;
    case Outcome::kBusy:
      busy_.fetch_add(1, kRelaxed);
      break;
    case Outcome::kMismatch:
      mismatches_.fetch_add(1, kRelaxed);
      break;
    case Outcome::kDuplicate:
      duplicates_.fetch_add(1, kRelaxed);
      break;
    case Outcome::kQuotaFull:
      refused_.fetch_add(1, kRelaxed);
      break;
    default:
      if (finished) finishes_.fetch_add(1, kRelaxed);
  }
}

NamespaceStats Namespace::stats() const {
  return {.name = options_.name,
          .entries = entries_.load(kRelaxed),
          .bytes = bytes_.load(kRelaxed),
          .max_entries = options_.max_entries,
          .max_bytes = options_.max_bytes,
          .claims = claims_.load(kRelaxed),
          .replays = replays_.load(kRelaxed),
          .busy = busy_.load(kRelaxed),
          .mismatches = mismatches_.load(kRelaxed),
          .finishes = finishes_.load(kRelaxed),
          .duplicates = duplicates_.load(kRelaxed),
          .refused_for_quota = refused_.load(kRelaxed)};
}

Namespaces::Namespaces(const std::vector<NamespaceOptions>& options) {
  for (const NamespaceOptions& one : options) sorted_.push_back(std::make_unique<Namespace>(one));
  std::sort(sorted_.begin(), sorted_.end(),
            [](const auto& a, const auto& b) { return NameOf(a) < NameOf(b); });
}

Namespace* Namespaces::FindNamed(std::string_view key) const {
  const size_t colon = key.find(':');
  if (colon == std::string_view::npos) return nullptr;
  const std::string_view name = key.substr(0, colon);
  const auto found = std::lower_bound(
      sorted_.begin(), sorted_.end(), name,
      [](const auto& space, std::string_view other) { return NameOf(space) < other; });
  return found == sorted_.end() || NameOf(*found) != name ? nullptr : found->get();
}

void Namespaces::AddStats(Stats& stats) const {
  for (const auto& space : sorted_) {
    stats.namespaces.push_back(space->stats());
    stats.refused_for_quota += stats.namespaces.back().refused_for_quota;
  }
}

}  // namespace idem::engine
