// The store in memory mode: one item by Store::Begin and Claim::Complete, a batch by
// Store::Execute.
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <variant>

#include "absl/status/statusor.h"
#include "bench/table/table.h"
#include "bench/table/tables.h"
#include "idem/store.h"

namespace idem::bench {
namespace {

// Longer than a run, and short beside the retention, as leases are.
constexpr int64_t kLeaseMs = 3'600'000;

class IdemTable final : public Table {
 public:
  explicit IdemTable(const TableOptions& options) : code_(options.code) {
    Options store_options;
    store_options.durability = Durability::kMemory;
    store_options.memory_limit_bytes = uint64_t{64} << 30;
    store_options.policy.default_lease_ms = kLeaseMs;
    store_options.policy.default_retention_ms = kRetentionMs;
    store_options.stripes = options.stripes;
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(store_options);
    if (!store.ok()) Fail(store.status().ToString());
    store_ = *std::move(store);
    fingerprint_ = store_->FingerprintOf({"POST /charges", "amount=100"});
  }

  size_t Insert(std::span<const Item> items) override {
    if (items.size() == 1) return InsertOne(items[0]) ? 1 : 0;
    Batch& batch = Begin(items);
    size_t inserted = 0;
    std::array<Request, kBatchMax> completions;
    for (size_t i = 0; i < items.size(); ++i) {
      const Reply& reply = batch.replies[i];
      if (reply.outcome != Outcome::kClaimed) continue;
      completions[inserted++] = {.op = Op::kComplete,
                                 .key = View(items[i].key),
                                 .value = items[i].response,
                                 .token = reply.token,
                                 .code = code_};
    }
    if (!items[0].response.empty()) Execute({completions.data(), inserted}, &batch);
    return inserted;
  }

  size_t Find(std::span<const Item> items) override {
    if (items.size() == 1) return FindOne(items[0]) ? 1 : 0;
    const Batch& batch = Begin(items);
    size_t found = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      const Reply& reply = batch.replies[i];
      found += reply.outcome == Outcome::kReplay && reply.response.bytes() == items[i].response;
    }
    return found;
  }

 private:
  struct Batch {
    std::array<Request, kBatchMax> requests;
    std::array<Reply, kBatchMax> replies;
  };

  bool InsertOne(const Item& item) {
    absl::StatusOr<Answer> answer = store_->Begin(View(item.key), fingerprint_);
    if (!answer.ok()) Fail(answer.status().ToString());
    auto* const claim = std::get_if<Claim>(&*answer);
    if (claim == nullptr) return false;
    if (!item.response.empty() && !claim->Complete(item.response, {.code = code_}).ok()) {
      Fail("Complete failed");
    }
    return true;
  }

  bool FindOne(const Item& item) {
    const absl::StatusOr<Answer> answer = store_->Begin(View(item.key), fingerprint_);
    const Replay* const replay = answer.ok() ? std::get_if<Replay>(&*answer) : nullptr;
    return replay != nullptr && replay->response.bytes() == item.response;
  }

  // Kept by the caller's thread, as an event loop would.
  Batch& Begin(std::span<const Item> items) {
    thread_local Batch batch;
    for (size_t i = 0; i < items.size(); ++i) {
      batch.requests[i] = {
          .op = Op::kBegin, .key = View(items[i].key), .fingerprint = fingerprint_};
    }
    Execute({batch.requests.data(), items.size()}, &batch);
    return batch;
  }

  void Execute(std::span<const Request> requests, Batch* batch) {
    const std::span<Reply> replies(batch->replies.data(), requests.size());
    if (store_->Execute(requests, replies) != requests.size()) Fail("not all were executed");
  }

  const uint16_t code_;
  std::unique_ptr<Store> store_;
  Fingerprint fingerprint_;
};

}  // namespace

std::unique_ptr<Table> MakeIdem(const TableOptions& options) {
  return std::make_unique<IdemTable>(options);
}

}  // namespace idem::bench
