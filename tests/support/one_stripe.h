// One stripe with all that it needs, time told by hand, and a log that keeps its records in memory.
#ifndef IDEM_TESTS_SUPPORT_ONE_STRIPE_H_
#define IDEM_TESTS_SUPPORT_ONE_STRIPE_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "idem/request.h"
#include "log/log.h"
#include "store/stripe.h"

namespace idem::engine {

// Everything is committed at once; each record stands encoded at LSN - 1.
class RecordList final : public Log {
 public:
  Room Reserve(size_t) override { return Room::kGranted; }
  void Release(size_t) override {}
  bool accepts_claims() const override { return true; }
  Lsn Append(std::span<const Image> images) override;
  void RequestCommit() override {}
  bool Commit() override { return false; }
  absl::Status WaitCommitted(Lsn) override { return absl::OkStatus(); }
  Lsn committed() const override { return records.size(); }
  Lsn synced() const override { return records.size(); }
  absl::Status status() const override { return absl::OkStatus(); }
  void SetListener(std::function<void()>) override {}
  absl::StatusOr<ChangesAnswer> ReadChanges(Lsn, const ChangesOptions&) override {
    return absl::UnimplementedError("none");
  }
  void SetPin(LogPinSource) override {}
  absl::StatusOr<TokenRange> RaiseEpoch() override { return absl::UnimplementedError("none"); }
  absl::StatusOr<std::unique_ptr<SnapshotWriter>> StartSnapshot() override { return nullptr; }
  absl::Status PublishSnapshot(SnapshotWriter&) override { return absl::OkStatus(); }
  bool SnapshotDue(uint64_t) const override { return false; }
  bool SnapshotLate(uint64_t) const override { return false; }
  void DropExpired() override {}
  bool Step(Store::StepKind) override { return false; }
  absl::Status Close() override { return absl::OkStatus(); }
  LogStats stats() const override { return {}; }

  std::vector<std::string> records;
};

class OneStripe {
 public:
  explicit OneStripe(uint64_t memory_limit_bytes = uint64_t{1} << 30);

  // As the store would do it, with as much room in the log as the request can need.
  Reply Do(const Request& request);
  Reply Do(std::string_view key, Request request);
  Call Prepare(const Request& request);
  Moment moment() const;
  absl::Status Apply(const Image& image, Lsn lsn);
  // .. of a record in the log of another stripe.
  absl::Status ApplyRecord(std::string_view record, Lsn lsn);

  // One slice. True: all done.
  bool Expire(size_t budget) { return stripe.Expire(now_ms, budget); }
  // All that is due. Returns the number of slices.
  int ExpireAll();
  void Advance(int64_t ms) { now_ms += ms; }

  // Every living entry as text, by key.
  std::map<std::string, std::string> Dump();
  Stats stats() const;
  // Entries, expired ones that are not freed yet included.
  uint64_t entries() const { return stats().entries(); }

  static constexpr int64_t kWallMsAtStart = 1'800'000'000'000;

  int64_t now_ms = 1'000'000;  // store time; claims are all younger than the open, which was at 0
  int64_t grace_end_ms = 0;
  // Hashes that a test chooses; any other key has the hash of its bytes.
  std::map<std::string, uint32_t, std::less<>> hashes;
  Policy policy;
  HashSecret secret{};
  PagePool pool;
  MemoryMeter memory;
  RecordList log;
  TokenSource tokens{{.first = 1, .limit = Token{1} << 52}};
  StripeShared shared{&pool, &pool, &memory, &tokens, &log, &secret};
  Stripe stripe{&shared};

 private:
  Table::Place PlaceOf(std::string_view key) const;
};

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_ONE_STRIPE_H_
