// A store on a disk in memory whose change stream is read: small segments, so that the log is in
// several files and drops some.
#ifndef IDEM_TESTS_SUPPORT_STORE_WITH_CHANGES_H_
#define IDEM_TESTS_SUPPORT_STORE_WITH_CHANGES_H_

#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/test_store.h"

namespace idem {

class StoreWithChanges : public StoreTest {
 protected:
  StoreWithChanges() {
    UseDisk(Durability::kAlways);
    options_.stripes = 4;
    options_.policy.max_response_bytes = 4'000;
    options_.segment_bytes = options_.backlog_bytes = 64 << 10;
    options_.max_pinned_log_bytes = 16 << 20;
    Open();
  }

  void Finish(const std::string& key, std::string_view response) {
    ASSERT_TRUE(BeginClaim(key).Complete(response).ok());
    store_->Step(Store::StepKind::kPrepareSegment);
  }
  // Numbered from `first` on.
  void FinishMany(int first, int count, size_t response_bytes = 1) {
    for (int i = first; i < first + count; ++i) {
      Finish("order" + std::to_string(i), std::string(response_bytes, 'r'));
    }
  }
  void Put(std::string_view key, std::string_view value) {
    Request put = engine::Ask(Op::kPut, key);
    put.value = value;
    EXPECT_EQ(Execute(put).outcome, Outcome::kOk);
    EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
    store_->Step(Store::StepKind::kPrepareSegment);
  }
  void Remove(std::string_view key) {
    EXPECT_EQ(Execute(engine::Ask(Op::kRemove, key)).outcome, Outcome::kOk);
    EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
  }
  // Twice, so that the log behind the first one goes.
  void TakeSnapshots() {
    for (int i = 0; i < 2; ++i) {
      Put("plain", std::to_string(i));
      ASSERT_TRUE(store_->Snapshot().ok());
    }
    Step();
  }
  void Step() {
    while (store_->Step(Store::StepKind::kSnapshot)) {
    }
  }

  ChangePage Read(Lsn after, const ChangesOptions& options = {}) {
    absl::StatusOr<ChangesAnswer> answer = store_->ReadChanges(after, options);
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (!answer.ok()) return {};
    EXPECT_TRUE(std::holds_alternative<ChangePage>(*answer)) << "truncated";
    return std::holds_alternative<ChangePage>(*answer) ? std::get<ChangePage>(*std::move(answer))
                                                       : ChangePage{};
  }
  std::vector<Change> ReadAll(Lsn after, const ChangesOptions& options = {}) {
    std::vector<Change> all;
    while (true) {
      ChangePage page = Read(after, options);
      for (Change& change : page.changes) all.push_back(std::move(change));
      if (page.next == page.synced || page.next <= after) {
        EXPECT_EQ(page.next, store_->synced());
        return all;
      }
      after = page.next;
    }
  }
  // 0: nothing is missing.
  Lsn TruncatedUpto(Lsn after, const ChangesOptions& options = {}) {
    const absl::StatusOr<ChangesAnswer> answer = store_->ReadChanges(after, options);
    EXPECT_TRUE(answer.ok()) << answer.status();
    if (!answer.ok()) return 0;
    const Truncated* const truncated = std::get_if<Truncated>(&*answer);
    return truncated == nullptr ? 0 : truncated->upto;
  }
  LogStats log() { return store_->GetStats().log; }
};

inline std::vector<std::string> KeysOf(const std::vector<Change>& changes) {
  std::vector<std::string> keys;
  for (const Change& change : changes) keys.push_back(change.key);
  return keys;
}

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_STORE_WITH_CHANGES_H_
