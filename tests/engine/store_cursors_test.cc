// What a named cursor of the change stream keeps for its reader: where it stands, and the log
// behind.
#include <string>
#include <variant>

#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/store_with_changes.h"

namespace idem {
namespace {

using engine::Ask;
using StoreCursorsTest = StoreWithChanges;

TEST_F(StoreCursorsTest, ACursorKeepsWhereItsReaderStands) {
  FinishMany(0, 10);
  const ChangePage first = Read(0, {.count = 4, .cursor = "mail"});
  EXPECT_EQ(KeysOf(first.changes).back(), "order3");
  // Not handled yet: told again to who has kept nothing.
  EXPECT_EQ(Read(0, {.count = 4, .cursor = "mail"}).changes.front().key, "order0");
  EXPECT_EQ(Read(first.next, {.count = 4, .cursor = "mail"}).changes.front().key, "order4");
  EXPECT_EQ(Read(0, {.cursor = "mail"}).changes.front().key, "order4");
  EXPECT_EQ(Read(0).changes.front().key, "order0");
  EXPECT_EQ(Read(0, {.cursor = "other"}).changes.front().key, "order0");
  files_.Crash();
  files_.FailCall(1, absl::UnavailableError("dead"), /*keep_failing=*/true);
  store_.reset();
  files_.FailCall(0, absl::OkStatus());
  Open();
  EXPECT_EQ(Read(0, {.cursor = "mail"}).changes.front().key, "order4");
}

TEST_F(StoreCursorsTest, ACursorPinsTheLog) {
  for (const bool reopened : {false, true}) {
    const int first = reopened ? 1000 : 0;
    FinishMany(first, 75, 700);
    const Lsn here = store_->synced();
    Read(here, {.cursor = "mail"});
    FinishMany(first + 75, 75, 700);
    if (reopened) Open();
    TakeSnapshots();
    FinishMany(first + 150, 1);
    EXPECT_GT(log().pinned_bytes, 0u);
    EXPECT_EQ(ReadAll(0, {.cursor = "mail"}).size(), 76u);
    // Once the reader has handled them they go, without another snapshot.
    Read(store_->synced(), {.cursor = "mail"});
    Step();
    EXPECT_EQ(log().pinned_bytes, 0u);
    EXPECT_GT(TruncatedUpto(here), here);
  }
}

TEST_F(StoreCursorsTest, ACursorWhoseValueIsRemovedPinsNothing) {
  FinishMany(0, 1);
  Read(0, {.cursor = "mail"});
  FinishMany(1, 150, 700);
  TakeSnapshots();
  EXPECT_EQ(TruncatedUpto(0), 0u);
  Remove("idem:cursor:mail");
  Step();
  EXPECT_GT(TruncatedUpto(0), 0u);
}

// The move may be lost in a power cut as long as it is not synced.
TEST_F(StoreCursorsTest, AMoveThatIsNotSyncedDropsNothing) {
  options_.durability = Durability::kInterval;
  Open();
  FinishMany(0, 1);
  Read(0, {.cursor = "mail"});
  FinishMany(1, 150, 700);
  TakeSnapshots();
  ASSERT_GT(log().pinned_bytes, 0u);
  Read(store_->synced(), {.cursor = "mail"});
  ASSERT_GT(store_->committed(), store_->synced());
  Step();
  EXPECT_EQ(TruncatedUpto(0), 0u);
  clock_.Advance(options_.sync_interval_ms);
  EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
  Step();
  EXPECT_GT(TruncatedUpto(0), 0u);
}

TEST_F(StoreCursorsTest, ACursorPinsUpToALimit) {
  options_.max_pinned_log_bytes = 3 * options_.segment_bytes;
  Open();
  FinishMany(0, 1);
  Read(0, {.cursor = "mail"});
  for (int i = 0; i < 10; ++i) {
    FinishMany(1 + i * 100, 100, 700);
    TakeSnapshots();
    EXPECT_LE(log().pinned_bytes, options_.max_pinned_log_bytes);
  }
  EXPECT_EQ(log().pinned_bytes, options_.max_pinned_log_bytes);
  const Lsn upto = TruncatedUpto(0, {.cursor = "mail"});
  ASSERT_GT(upto, 0u);
  EXPECT_EQ(TruncatedUpto(0, {.cursor = "mail"}), upto);  // until the reader says otherwise
  EXPECT_FALSE(Read(upto, {.cursor = "mail"}).changes.empty());
  EXPECT_EQ(TruncatedUpto(0, {.cursor = "mail"}), 0u);
}

TEST_F(StoreCursorsTest, ACursorIsAPlainValue) {
  FinishMany(0, 2);
  Read(store_->synced(), {.cursor = "mail"});
  Request get = Ask(Op::kGet, "idem:cursor:mail");
  get.want_value = true;
  const Reply reply = Execute(get);
  EXPECT_EQ(reply.kind, Kind::kRegister);
  EXPECT_EQ(reply.ttl_ms, -1);
  EXPECT_EQ(reply.response.bytes(), "4");
  Put("idem:cursor:mail", "no number");
  const absl::Status status = store_->ReadChanges(0, {.cursor = "mail"}).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  ClaimAndCrash("idem:cursor:record");
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->ReadChanges(0, {.cursor = "record"}).status()));
}

}  // namespace
}  // namespace idem
