// The adapters, for the list of them in tables.cc.
#ifndef IDEM_BENCH_TABLE_TABLES_H_
#define IDEM_BENCH_TABLE_TABLES_H_

#include <memory>

#include "bench/table/table.h"

namespace idem::bench {

std::unique_ptr<Table> MakeIdem(const TableOptions& options);

// The yardstick (ceiling.h), on 2 MiB and on 4 KiB pages.
std::unique_ptr<Table> MakeCeiling(const TableOptions& options);
std::unique_ptr<Table> MakeCeilingOnSmallPages(const TableOptions& options);

// No table at all: what the machine itself takes from calls.
std::unique_ptr<Table> MakeMachine(const TableOptions& options);

// std::unordered_map and absl::flat_hash_map, cut into stripes with a mutex each.
std::unique_ptr<Table> MakeStripedStd(const TableOptions& options);
std::unique_ptr<Table> MakeStripedAbsl(const TableOptions& options);

std::unique_ptr<Table> MakeTbb(const TableOptions& options);
std::unique_ptr<Table> MakeRocksDb(const TableOptions& options);
std::unique_ptr<Table> MakeRocksDbWithoutWal(const TableOptions& options);
std::unique_ptr<Table> MakeLmdb(const TableOptions& options);

}  // namespace idem::bench

#endif  // IDEM_BENCH_TABLE_TABLES_H_
