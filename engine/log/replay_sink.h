// Where an open puts what it reads: blocks of encoded records, in the order of the log.
//
//   file ──► reader: hashes are right ──► RecordBlock ──► ReplaySink: decodes and installs
//
// A block was found whole by its hash; its records were not looked at. So the reader is bound by
// reading and hashing alone, and the sink may do the rest on other threads. A sink keeps the order
// of each key; between keys there is none to keep.
//
// Thread rule: a sink belongs to one thread, the opener's.
#ifndef IDEM_LOG_REPLAY_SINK_H_
#define IDEM_LOG_REPLAY_SINK_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "idem/answer.h"
#include "log/image.h"

namespace idem::engine {

// kDataLoss in the words of all refused opens: "<path>: offset <n>: <why>".
absl::Status DamageAt(std::string_view path, uint64_t offset, std::string_view why);

struct RecordBlock {
  std::string_view records;
  std::shared_ptr<const char[]> bytes;  // in which `records` stands
  uint32_t record_count = 0;
  // Of the first record; they count up. 0: before each record stand the 8 bytes of its LSN.
  Lsn first_lsn = 0;
  std::shared_ptr<const std::string> path;  // of the file
  uint64_t offset = 0;                      // of `records` in it
};

// Finds the records of a block without decoding them.
class RecordBlockReader {
 public:
  struct Found {
    std::string_view record;
    std::string_view key;
    Lsn lsn = 0;
  };

  // `block` outlives this.
  explicit RecordBlockReader(const RecordBlock& block)
      : block_(block), left_(block.records), count_left_(block.record_count) {}

  // False: no record is left, or what is left is none; see status().
  bool Next(Found& found);
  // OK, or kDataLoss.
  absl::Status status() const;

 private:
  bool Fail(const char* why);

  const RecordBlock& block_;
  std::string_view left_;
  uint32_t count_left_;
  uint32_t count_done_ = 0;
  const char* damage_ = nullptr;
};

// Where in its file the bytes at `position`, which lie in the block, stand.
uint64_t OffsetOf(const RecordBlock& block, const char* position);

class ReplaySink {
 public:
  virtual ~ReplaySink() = default;

  // Takes a block; may install it later. False: something was refused, and nothing more is wanted;
  // Finish tells why.
  virtual bool Add(RecordBlock block) = 0;
  // Waits until all blocks are installed. Not OK: of all errors, the first in the order of blocks.
  virtual absl::Status Finish() = 0;
  // Forgets all that was installed, and the error. Only after Finish.
  virtual void Clear() = 0;
};

// Decodes on the opener's thread and calls a function for each record, in order.
class VisitorSink final : public ReplaySink {
 public:
  // Not OK stops the open with that status.
  using Visitor = std::function<absl::Status(const Image& image, Lsn lsn)>;

  explicit VisitorSink(
      Visitor visitor, std::function<void()> clear = [] {})
      : visitor_(std::move(visitor)), clear_(std::move(clear)) {}

  bool Add(RecordBlock block) override;
  absl::Status Finish() override { return status_; }
  void Clear() override;

 private:
  absl::Status Visit(const RecordBlock& block);

  const Visitor visitor_;
  const std::function<void()> clear_;
  absl::Status status_;
};

}  // namespace idem::engine

#endif  // IDEM_LOG_REPLAY_SINK_H_
