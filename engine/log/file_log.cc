#include "log/file_log.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "log/log_recovery.h"
#include "log/log_writer.h"
#include "log/record.h"

namespace idem::engine {
namespace {

absl::Status CheckSegmentBytes(const Options& options) {
  const uint64_t largest = MaxRecordBytes(kRecordKeyBytesMax, LongestResponseBytes(options));
  const uint64_t needed = kBlockBytes + SpaceLedger::SpaceFor(largest);
  if (SegmentBytes(options) >= needed) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("segment_bytes must be at least ", RoundUp(needed, kBlockBytes),
                   " to hold a response of max_response_bytes; raise it or lower that"));
}

}  // namespace

absl::StatusOr<OpenedLog> OpenFileLog(const Options& options, ReplaySink& sink,
                                      const Store::OpenListener& listener) {
  absl::Status status = CheckSegmentBytes(options);
  if (!status.ok()) return status;
  absl::StatusOr<RecoveredLog> recovered = RecoverLog(options, sink, listener);
  if (!recovered.ok()) return recovered.status();
  const Manifest manifest = recovered->manifest->Get();
  const StoreClock clock = recovered->clock;
  const bool created = recovered->created;
  return OpenedLog{.log = std::make_unique<LogWriter>(options, *std::move(recovered)),
                   .tokens = LogWriter::TokensOf(manifest.epoch),
                   .clock = clock,
                   .secret = manifest.secret,
                   .store_id = StoreIdText(manifest.store_id),
                   .created = created};
}

}  // namespace idem::engine
