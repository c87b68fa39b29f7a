#include "log/memory_log.h"

#include <algorithm>
#include <atomic>
#include <utility>

#include "log/store_id.h"

namespace idem::engine {
namespace {

constexpr int64_t kStartOf2025Ms = 1'735'689'600'000;
constexpr Token kTokenLimit = Token{1} << 53;
constexpr int kTokensPerMsBits = 12;

class MemoryLog final : public Log {
 public:
  Room Reserve(size_t) override { return Room::kGranted; }
  void Release(size_t) override {}
  bool accepts_claims() const override { return true; }

  Lsn Append(std::span<const Image> images) override {
    return appended_.fetch_add(images.size(), std::memory_order_acq_rel) + images.size();
  }

  bool Commit() override { return false; }
  void RequestCommit() override {}
  absl::Status WaitCommitted(Lsn) override { return absl::OkStatus(); }
  Lsn committed() const override { return appended_.load(std::memory_order_acquire); }
  Lsn synced() const override { return committed(); }
  absl::Status status() const override { return absl::OkStatus(); }
  void SetListener(std::function<void()>) override {}

  absl::StatusOr<TokenRange> RaiseEpoch() override {
    return absl::ResourceExhaustedError("a store in memory has all its tokens from the start");
  }

  absl::StatusOr<ChangesAnswer> ReadChanges(Lsn, const ChangesOptions&) override {
    return absl::FailedPreconditionError("a store in memory mode has no log: no changes to read");
  }
  void SetPin(LogPinSource) override {}

  absl::StatusOr<std::unique_ptr<SnapshotWriter>> StartSnapshot() override {
    return absl::FailedPreconditionError("a store in memory mode has no log: nothing to save");
  }
  absl::Status PublishSnapshot(SnapshotWriter&) override { return absl::OkStatus(); }
  bool SnapshotDue(uint64_t) const override { return false; }
  bool SnapshotLate(uint64_t) const override { return false; }
  void DropExpired() override {}

  bool Step(Store::StepKind) override { return false; }
  absl::Status Close() override { return absl::OkStatus(); }

  LogStats stats() const override {
    LogStats stats;
    stats.appended = stats.committed = stats.synced = committed();
    return stats;
  }

 private:
  std::atomic<Lsn> appended_{0};
};

TokenRange TokensFrom(int64_t wall_ms) {
  const int64_t since_ms = std::max<int64_t>(0, wall_ms - kStartOf2025Ms);
  const Token first = std::max<Token>(1, static_cast<Token>(since_ms) << kTokensPerMsBits);
  return {std::min(first, kTokenLimit), kTokenLimit};
}

}  // namespace

OpenedLog OpenMemoryLog(const Options& options) {
  return {.log = std::make_unique<MemoryLog>(),
          .tokens = TokensFrom(options.clock->WallMs()),
          .clock = StoreClock(options.clock, 1),
          .secret = RandomSecret(),
          .store_id = StoreIdText(RandomStoreId()),
          .created = true};
}

}  // namespace idem::engine
