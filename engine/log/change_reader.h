// Reads changes out of the log's files, beside the writer, for the change stream.
//
//   ReadChanges(after) ──► where a reader stood that was told `after`? ─┬─► go on there
//                                                                       └─► find it in a segment
//       segment ──► batches up to `synced` ──► what ChangeOf says ──► ChangePage
//
// It takes no lock of the writer: each call opens the files anew, up to where they are known to be
// written, and a file that is removed meanwhile is read on. One call reads about 1 MiB of the log,
// or one batch. Where the last readers stood is remembered, so whoever follows the end of the log
// reads only what is new; a reader that comes from elsewhere costs one search for its batch.
//
// Nothing is told that was not synced: it could be lost, and its LSN given to another record.
//
// Thread rule: any thread.
#ifndef IDEM_LOG_CHANGE_READER_H_
#define IDEM_LOG_CHANGE_READER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "idem/changes.h"
#include "idem/options.h"
#include "log/image.h"
#include "log/log_reader.h"
#include "log/manifest.h"

namespace idem::engine {

// What is written and what of it is synced, at one moment.
struct WrittenLog {
  uint64_t segment = 0;  // the number of the one in use
  uint64_t offset = 0;   // where its batches end
  Lsn synced = 0;
};

// The change that a record in the log is, if it is one that was asked for: the one place that
// knows.
std::optional<idem::Change> ChangeOf(const Image& image, Lsn lsn, const ChangesOptions& which);

class ChangeReader {
 public:
  // Both outlive it.
  ChangeReader(const Options& options, const ManifestFile* manifest)
      : options_(options), manifest_(*manifest) {}

  // As Log::ReadChanges. `written` was taken before the call.
  absl::StatusOr<ChangesAnswer> Read(Lsn after, const ChangesOptions& which,
                                     const WrittenLog& written) IDEM_EXCLUDES(mutex_);

 private:
  // The next record to be read is the one behind `after`.
  struct Place {
    Lsn after = 0;
    uint64_t segment = 0;  // 0: none
    SegmentReader::Position position;
  };
  // One call of Read.
  struct Reading;
  static constexpr size_t kPlaces = 16;

  absl::Status Start(Reading& reading) IDEM_EXCLUDES(mutex_);
  absl::Status ReadOn(Reading& reading) const;
  absl::StatusOr<bool> ReadBatch(Reading& reading) const;
  absl::StatusOr<bool> NextSegment(Reading& reading) const;
  absl::Status OpenSegment(Reading& reading, const Place* place) const;
  bool Recall(Lsn after, Place& place) IDEM_EXCLUDES(mutex_);
  void Remember(const Place& place, Lsn instead_of) IDEM_EXCLUDES(mutex_);

  const Options& options_;
  const ManifestFile& manifest_;

  Mutex mutex_;
  std::array<Place, kPlaces> places_ IDEM_GUARDED_BY(mutex_);
  size_t next_place_ IDEM_GUARDED_BY(mutex_) = 0;  // to be overwritten by a new reader
};

}  // namespace idem::engine

#endif  // IDEM_LOG_CHANGE_READER_H_
