// What stands in a snapshot file, read with the functions of snapshot_format.h alone.
#ifndef IDEM_TESTS_SUPPORT_SNAPSHOT_READING_H_
#define IDEM_TESTS_SUPPORT_SNAPSHOT_READING_H_

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "log/log.h"
#include "log/snapshot_format.h"

namespace idem::engine {

struct ReadSnapshot {
  SnapshotHeader header;
  SnapshotFooter footer;
  std::vector<SnapshotBlockHeader> blocks;     // the footer's included
  std::map<std::string, Lsn> lsns;             // by key
  std::map<std::string, std::string> records;  // encoded, by key
};

// Fails the test, and gives what it has, if the bytes are not those of a snapshot.
ReadSnapshot ReadSnapshotFile(std::string_view bytes);

// Seals, verifies and publishes what was added.
absl::Status Publish(Log& log, SnapshotWriter& writer);

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_SNAPSHOT_READING_H_
