#include "tool/judge.h"

#include <utility>

#include "log/log_recovery.h"
#include "tool/dry_run_file_system.h"

namespace idem::engine {
namespace {

// Segments as small as they may be: what goes nowhere need not be long.
constexpr uint64_t kSegmentBytes = 64 << 10;

}  // namespace

Verdict JudgeDirectory(FileSystem* files, const std::string& directory) {
  DryRunFileSystem dry_run(files);
  Options options;
  options.directory = directory;
  options.segment_bytes = kSegmentBytes;
  options.background = Background::kManual;
  options.file_system = &dry_run;
  VisitorSink decoded([](const Image&, Lsn) { return absl::OkStatus(); });
  const absl::StatusOr<RecoveredLog> log = RecoverLog(options, decoded, /*listener=*/{});
  if (!log.ok()) return {.status = log.status()};
  return {.status = absl::OkStatus(),
          .torn = log->torn_tails_cut > 0,
          .last_lsn = log->last_lsn,
          .records = log->records,
          .damaged_snapshots = log->damaged_snapshots};
}

}  // namespace idem::engine
