#include "bench/table/tables.h"

#include <map>
#include <string>

namespace idem::bench {

const std::map<std::string, MakeTable>& Tables() {
  static const auto* const kTables = new std::map<std::string, MakeTable>{
      {"idem", MakeIdem},
      {"ceiling", MakeCeiling},
      {"ceiling-4k", MakeCeilingOnSmallPages},
      {"machine", MakeMachine},
      {"std", MakeStripedStd},
      {"absl", MakeStripedAbsl},
#ifdef IDEM_BENCH_TBB
      {"tbb", MakeTbb},
#endif
#ifdef IDEM_BENCH_ROCKSDB
      {"rocksdb", MakeRocksDb},
      {"rocksdb-no-wal", MakeRocksDbWithoutWal},
#endif
#ifdef IDEM_BENCH_LMDB
      {"lmdb", MakeLmdb},
#endif
  };
  return *kTables;
}

}  // namespace idem::bench
