// LMDB without syncs, in a writable map. Writers exclude each other; a batch of inserts is one
// transaction, and so is a single one.
#include <lmdb.h>

#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "bench/table/table.h"
#include "bench/table/tables.h"

namespace idem::bench {
namespace {

constexpr size_t kMapBytes = size_t{32} << 30;  // of addresses, and the most the file may have

void Check(int error) {
  if (error != MDB_SUCCESS) Fail(mdb_strerror(error));
}

class LmdbTable final : public Table {
 public:
  explicit LmdbTable(const TableOptions& options) {
    Check(mdb_env_create(&env_));
    Check(mdb_env_set_mapsize(env_, kMapBytes));
    Check(mdb_env_open(env_, options.directory.c_str(), MDB_WRITEMAP | MDB_NOSYNC | MDB_NORDAHEAD,
                       0600));
    MDB_txn* txn = nullptr;
    Check(mdb_txn_begin(env_, nullptr, 0, &txn));
    Check(mdb_dbi_open(txn, nullptr, 0, &dbi_));
    Check(mdb_txn_commit(txn));
  }
  ~LmdbTable() override { mdb_env_close(env_); }

  size_t Insert(std::span<const Item> items) override {
    MDB_txn* txn = nullptr;
    Check(mdb_txn_begin(env_, nullptr, 0, &txn));
    const int64_t now_ms = CoarseNowMs();
    size_t inserted = 0;
    for (const Item& item : items) inserted += InsertOne(txn, item, now_ms);
    Check(mdb_txn_commit(txn));
    return inserted;
  }

  size_t Find(std::span<const Item> items) override {
    MDB_txn* txn = nullptr;
    Check(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn));
    const int64_t now_ms = CoarseNowMs();
    size_t found = 0;
    for (const Item& item : items) {
      MDB_val value;
      MDB_val key = KeyOf(item);
      if (mdb_get(txn, dbi_, &key, &value) != MDB_SUCCESS) continue;
      found += now_ms < DeadlineOf(value) && ResponseOf(value) == item.response;
    }
    mdb_txn_abort(txn);
    return found;
  }

 private:
  static MDB_val KeyOf(const Item& item) {
    return {item.key.size(), const_cast<char*>(item.key.data())};
  }
  // A value is the deadline and the response.
  static int64_t DeadlineOf(const MDB_val& value) {
    int64_t deadline_ms = 0;
    std::memcpy(&deadline_ms, value.mv_data, sizeof deadline_ms);
    return deadline_ms;
  }
  static std::string_view ResponseOf(const MDB_val& value) {
    return {static_cast<const char*>(value.mv_data) + sizeof(int64_t),
            value.mv_size - sizeof(int64_t)};
  }

  bool InsertOne(MDB_txn* txn, const Item& item, int64_t now_ms) {
    const int64_t deadline_ms = now_ms + kRetentionMs;
    std::string bytes(reinterpret_cast<const char*>(&deadline_ms), sizeof deadline_ms);
    bytes.append(item.response);
    MDB_val key = KeyOf(item);
    MDB_val value = {bytes.size(), bytes.data()};
    int error = mdb_put(txn, dbi_, &key, &value, MDB_NOOVERWRITE);
    if (error == MDB_KEYEXIST) {  // and `value` is now the old one
      if (now_ms < DeadlineOf(value)) return false;
      value = {bytes.size(), bytes.data()};
      error = mdb_put(txn, dbi_, &key, &value, 0);
    }
    Check(error);
    return true;
  }

  MDB_env* env_ = nullptr;
  MDB_dbi dbi_ = 0;
};

}  // namespace

std::unique_ptr<Table> MakeLmdb(const TableOptions& options) {
  return std::make_unique<LmdbTable>(options);
}

}  // namespace idem::bench
