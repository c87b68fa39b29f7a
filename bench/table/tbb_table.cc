// tbb::concurrent_hash_map: nodes with a lock each, keys and responses inline in them.
#include <memory>
#include <string_view>

#include "absl/hash/hash.h"
#include "bench/table/stripes.h"
#include "bench/table/table.h"
#include "bench/table/tables.h"
#include "tbb/concurrent_hash_map.h"

namespace idem::bench {
namespace {

class TbbTable final : public OneByOne<TbbTable> {
 public:
  bool InsertOne(const Item& item) {
    const int64_t now_ms = CoarseNowMs();
    const InlineValue value(item.response, now_ms + kRetentionMs);
    Map::accessor found;
    if (!map_.insert(found, {item.key, value})) {
      if (now_ms < found->second.deadline_ms) return false;
      found->second = value;
    }
    return true;
  }

  bool FindOne(const Item& item) {
    InlineValue value;
    {
      Map::const_accessor found;
      if (!map_.find(found, item.key) || CoarseNowMs() >= found->second.deadline_ms) return false;
      value = found->second;
    }
    return value.response() == item.response;
  }

 private:
  struct HashCompare {
    static size_t hash(const Key& key) { return absl::Hash<std::string_view>()(View(key)); }
    static bool equal(const Key& a, const Key& b) { return a == b; }
  };
  using Map = tbb::concurrent_hash_map<Key, InlineValue, HashCompare>;

  Map map_;
};

}  // namespace

std::unique_ptr<Table> MakeTbb(const TableOptions&) { return std::make_unique<TbbTable>(); }

}  // namespace idem::bench
