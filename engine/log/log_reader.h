// Reads one segment: its header, then batch after batch, then what stands behind the last one.
//
// A batch is valid if its header hash is right, it carries this segment's number, follows the
// record and the chain value before it, lies within the file, and its payload hash is right.
// Nothing that the header says is believed before the header hash was found right.
//
// Thread rule: one thread at a time.
#ifndef IDEM_LOG_LOG_READER_H_
#define IDEM_LOG_LOG_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "idem/file_system.h"
#include "log/file_window.h"
#include "log/log_format.h"
#include "log/manifest.h"
#include "log/replay_sink.h"

namespace idem::engine {

class SegmentReader {
 public:
  enum class HeaderState { kZero, kDamaged, kValid };

  struct ReadBatch {
    BatchHeader header;
    RecordBlock block;
  };

  // Between two batches, for a reader that comes back.
  struct Position {
    SegmentHeader header;
    SegmentEnd end;
  };

  // What stands behind the last valid batch.
  struct Remains {
    bool zero = true;
    Lsn durable_upto = 0;  // the highest that a valid batch header there tells
    uint64_t offset = 0;   // of that header
  };

  // kDataLoss: the file is missing, or not as long as the manifest says.
  static absl::StatusOr<SegmentReader> Open(FileSystem* file_system, const std::string& directory,
                                            const ManifestSegment& segment);

  // Goes on where another reader of the same segment stood, without a look at what is before.
  static absl::StatusOr<SegmentReader> OpenAt(FileSystem* file_system, const std::string& directory,
                                              const ManifestSegment& segment,
                                              const Position& position);

  HeaderState header_state() const { return header_state_; }
  // Only if the header is valid.
  const SegmentHeader& header() const { return header_; }

  // The next batch, or none if no valid one stands where it should. Only if the header is valid.
  absl::StatusOr<std::optional<ReadBatch>> Next();
  // Of what was read so far; its latest deadline is the caller's business.
  const SegmentEnd& end() const { return end_; }
  Position position() const { return {header_, end_}; }
  // As if the file ended there: what is behind it is being written.
  void LimitTo(uint64_t offset);
  // Goes to a batch that begins at `lsn` or before, at most some 64 KiB before the one that holds
  // it. Looks for headers only, and at few of them; Next still proves what it reads.
  absl::Status SeekTo(Lsn lsn);
  // Where Next looks.
  uint64_t next_offset() const;
  // Looks at all that is left of the file, for every header this segment could hold.
  absl::StatusOr<Remains> ReadRemains();

  const std::string& path() const { return *path_; }

 private:
  SegmentReader(std::unique_ptr<File> file, std::string path, const ManifestSegment& segment);
  static absl::StatusOr<SegmentReader> OpenFile(FileSystem* file_system,
                                                const std::string& directory,
                                                const ManifestSegment& segment);
  absl::Status ReadHeader();
  absl::StatusOr<std::optional<uint64_t>> FindHeader(uint64_t offset, BatchHeader& header);
  absl::StatusOr<std::optional<ReadBatch>> BatchAt(uint64_t offset);
  bool Follows(const BatchHeader& header, uint64_t offset) const;
  void ScanWindow(std::string_view window, uint64_t offset, Remains& remains) const;

  FileWindow window_;
  std::shared_ptr<const std::string> path_;
  ManifestSegment segment_;
  HeaderState header_state_ = HeaderState::kZero;
  SegmentHeader header_;
  SegmentEnd end_;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_LOG_READER_H_
