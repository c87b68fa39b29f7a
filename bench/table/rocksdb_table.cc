// RocksDB, told to serve point lookups, with the write-ahead log on (not synced) and off. It has no
// insert-if-absent: a lookup and a write under a striped lock.
#include <cstring>
#include <functional>
#include <memory>
#include <string>

#include "bench/table/stripes.h"
#include "bench/table/table.h"
#include "bench/table/tables.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"

namespace idem::bench {
namespace {

constexpr uint64_t kBlockCacheMib = 4096;

rocksdb::Slice SliceOf(std::string_view bytes) { return {bytes.data(), bytes.size()}; }

// A value is the deadline and the response.
bool Parse(std::string_view value, int64_t now_ms, std::string_view* response) {
  int64_t deadline_ms = 0;
  std::memcpy(&deadline_ms, value.data(), sizeof deadline_ms);
  *response = value.substr(sizeof deadline_ms);
  return now_ms < deadline_ms;
}

class RocksDbTable final : public OneByOne<RocksDbTable> {
 public:
  RocksDbTable(const TableOptions& options, bool has_wal) : locks_(options.stripes) {
    rocksdb::Options db_options;
    db_options.create_if_missing = true;
    db_options.OptimizeForPointLookup(kBlockCacheMib);
    db_options.IncreaseParallelism(2);
    rocksdb::DB* db = nullptr;
    const rocksdb::Status status = rocksdb::DB::Open(db_options, options.directory, &db);
    if (!status.ok()) Fail(status.ToString());
    db_.reset(db);
    write_options_.disableWAL = !has_wal;
  }

  bool InsertOne(const Item& item) {
    const int64_t now_ms = CoarseNowMs();
    const int64_t deadline_ms = now_ms + kRetentionMs;
    std::string value(reinterpret_cast<const char*>(&deadline_ms), sizeof deadline_ms);
    value.append(item.response);
    return locks_.With(std::hash<std::string_view>()(View(item.key)), [&](Nothing&) {
      std::string_view response;
      rocksdb::PinnableSlice old;
      if (Get(item.key, &old) && Parse(old.ToStringView(), now_ms, &response)) return false;
      if (!db_->Put(write_options_, SliceOf(View(item.key)), value).ok()) Fail("Put failed");
      return true;
    });
  }

  bool FindOne(const Item& item) {
    std::string_view response;
    rocksdb::PinnableSlice value;
    return Get(item.key, &value) && Parse(value.ToStringView(), CoarseNowMs(), &response) &&
           response == item.response;
  }

 private:
  struct Nothing {};

  bool Get(const Key& key, rocksdb::PinnableSlice* value) {
    return db_->Get(rocksdb::ReadOptions(), db_->DefaultColumnFamily(), SliceOf(View(key)), value)
        .ok();
  }

  std::unique_ptr<rocksdb::DB> db_;
  rocksdb::WriteOptions write_options_;
  Stripes<Nothing> locks_;
};

}  // namespace

std::unique_ptr<Table> MakeRocksDb(const TableOptions& options) {
  return std::make_unique<RocksDbTable>(options, true);
}

std::unique_ptr<Table> MakeRocksDbWithoutWal(const TableOptions& options) {
  return std::make_unique<RocksDbTable>(options, false);
}

}  // namespace idem::bench
