// What people write when they need a table of seen requests in their process: a hash map cut into
// stripes with a mutex each, and a deadline in every entry. Less than a store: no fingerprint,
// token, lease or takeover, nothing is ever freed by time, and a stripe stops to be rehashed.
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "bench/table/stripes.h"
#include "bench/table/table.h"
#include "bench/table/tables.h"

namespace idem::bench {
namespace {

// Strings in nodes, as it is mostly written.
class StripedStd final : public OneByOne<StripedStd> {
 public:
  explicit StripedStd(uint32_t stripes) : stripes_(stripes) {}

  bool InsertOne(const Item& item) {
    const int64_t now_ms = CoarseNowMs();
    return stripes_.With(Hash()(View(item.key)), [&](Map& map) {
      auto [found, is_new] = map.try_emplace(std::string(View(item.key)));
      if (!is_new && now_ms < found->second.deadline_ms) return false;
      found->second = {std::string(item.response), now_ms + kRetentionMs};
      return true;
    });
  }

  bool FindOne(const Item& item) {
    const int64_t now_ms = CoarseNowMs();
    std::string response;
    const bool is_there = stripes_.With(Hash()(View(item.key)), [&](const Map& map) {
      const auto found = map.find(View(item.key));
      if (found == map.end() || now_ms >= found->second.deadline_ms) return false;
      response = found->second.response;
      return true;
    });
    return is_there && response == item.response;
  }

 private:
  struct Entry {
    std::string response;
    int64_t deadline_ms = 0;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view key) const { return std::hash<std::string_view>()(key); }
  };
  using Map = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  Stripes<Map> stripes_;
};

// Keys and responses in the slots: the strongest form it has been found in. It takes the memory for
// the longest response everywhere.
class StripedAbsl final : public OneByOne<StripedAbsl> {
 public:
  explicit StripedAbsl(uint32_t stripes) : stripes_(stripes) {}

  bool InsertOne(const Item& item) {
    const int64_t now_ms = CoarseNowMs();
    const Hashed hashed = {item.key, Hash()(item.key)};
    return stripes_.With(hashed.hash, [&](Map& map) {
      const InlineValue value(item.response, now_ms + kRetentionMs);
      bool is_new = false;
      const auto found = map.lazy_emplace(hashed, [&](const Map::constructor& construct) {
        construct(item.key, value);
        is_new = true;
      });
      if (is_new) return true;
      if (now_ms < found->second.deadline_ms) return false;
      found->second = value;
      return true;
    });
  }

  bool FindOne(const Item& item) {
    const int64_t now_ms = CoarseNowMs();
    const Hashed hashed = {item.key, Hash()(item.key)};
    InlineValue value;
    const bool is_there = stripes_.With(hashed.hash, [&](const Map& map) {
      const auto found = map.find(hashed);
      if (found == map.end() || now_ms >= found->second.deadline_ms) return false;
      value = found->second;
      return true;
    });
    return is_there && value.response() == item.response;
  }

 private:
  // So that the stripe and the map under it share one hash.
  struct Hashed {
    const Key& key;
    size_t hash;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(const Key& key) const { return absl::Hash<std::string_view>()(View(key)); }
    size_t operator()(const Hashed& hashed) const { return hashed.hash; }
  };
  struct Equal {
    using is_transparent = void;
    bool operator()(const Key& a, const Key& b) const { return a == b; }
    bool operator()(const Key& a, const Hashed& b) const { return a == b.key; }
    bool operator()(const Hashed& a, const Key& b) const { return a.key == b; }
  };
  using Map = absl::flat_hash_map<Key, InlineValue, Hash, Equal>;

  Stripes<Map> stripes_;
};

}  // namespace

std::unique_ptr<Table> MakeStripedStd(const TableOptions& options) {
  return std::make_unique<StripedStd>(options.stripes);
}

std::unique_ptr<Table> MakeStripedAbsl(const TableOptions& options) {
  return std::make_unique<StripedAbsl>(options.stripes);
}

}  // namespace idem::bench
