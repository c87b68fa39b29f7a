// Snapshots of a store: what they hold while changes go on, when they are taken, what they cost on
// disk, and what happens when one fails.
#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/requests.h"
#include "tests/support/seeds.h"
#include "tests/support/snapshot_reading.h"
#include "tests/support/test_size.h"
#include "tests/support/test_store.h"

namespace idem {
namespace {

using engine::Ask;
using engine::ReadSnapshot;

class StoreSnapshotTest : public StoreTest {
 protected:
  StoreSnapshotTest() {
    UseDisk(Durability::kInterval);
    options_.stripes = 4;
    options_.policy.max_response_bytes = 4'000;
    options_.segment_bytes = options_.backlog_bytes = 64 << 10;
    Open();
  }

  Lsn Put(std::string_view key, std::string_view value) {
    Request put = Ask(Op::kPut, key);
    put.value = value;
    return Change(put);
  }
  Lsn Remove(std::string_view key) { return Change(Ask(Op::kRemove, key)); }
  Lsn Change(const Request& request) {
    Reply reply;
    while (store_->Execute({&request, 1}, {&reply, 1}) == 0) StepLog();
    return reply.changed ? reply.lsn : 0;
  }
  void StepLog() {
    store_->Step(Store::StepKind::kPrepareSegment);
    while (store_->Step(Store::StepKind::kCommit)) {
    }
  }
  bool StepSnapshot() { return store_->Step(Store::StepKind::kSnapshot); }
  void FinishSnapshot() {
    while (StepSnapshot()) {
    }
  }
  LogStats log() { return store_->GetStats().log; }

  std::vector<std::string> Files(std::string_view prefix, std::string_view suffix = "") {
    std::vector<std::string> names = *files_.List(options_.directory);
    std::erase_if(names, [&](const std::string& name) {
      return !name.starts_with(prefix) || !name.ends_with(suffix);
    });
    return names;
  }
  uint64_t DiskBytes() {
    uint64_t bytes = 0;
    for (const std::string& name : Files("")) {
      bytes += *(*files_.Open(options_.directory + "/" + name, OpenMode::kRead))->Size();
    }
    return bytes;
  }
  ReadSnapshot ReadNewest() {
    return engine::ReadSnapshotFile(
        *files_.Read(engine::SnapshotPath("/store", log().snapshot_lsn)));
  }
};

TEST_F(StoreSnapshotTest, HoldsEveryEntry) {
  ClaimAndCrash("running");
  ASSERT_TRUE(BeginClaim("done").Complete("response").ok());
  for (size_t i = 0; i < 500; ++i) Put("key" + std::to_string(i), std::string(i * 8, 'v'));
  Put("gone", "");
  Remove("gone");
  ASSERT_TRUE(store_->Snapshot().ok());
  const ReadSnapshot snapshot = ReadNewest();
  EXPECT_EQ(snapshot.records.size(), 502u);
  EXPECT_TRUE(snapshot.records.contains("running") && snapshot.records.contains("done"));
  EXPECT_FALSE(snapshot.records.contains("gone"));
  const LogStats stats = log();
  EXPECT_EQ(stats.snapshots, 1u);
  EXPECT_EQ(stats.snapshot_lsn, stats.appended);
  EXPECT_GE(stats.synced, stats.snapshot_lsn);
  EXPECT_EQ(stats.snapshot_bytes,
            files_.Read(engine::SnapshotPath("/store", stats.appended))->size());
  EXPECT_EQ(stats.snapshot_unix_ms, clock_.WallMs());
  EXPECT_FALSE(stats.snapshot_running || stats.last_snapshot_failed);
}

TEST_F(StoreSnapshotTest, MemoryModeHasNothingToSave) {
  options_ = MemoryOptions(&clock_);
  Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(store_->Snapshot()));
  const absl::Status status = store_->StartSnapshot();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_EQ(status.message(), "a store in memory mode has no log: nothing to save");
  EXPECT_FALSE(StepSnapshot());
}

// Whatever changes between the slices: of every key the image as of `covers`, or a later one.
TEST_F(StoreSnapshotTest, ChangesGoOnMeanwhile) {
  RunSeeds(TestSize(40), [this](uint64_t seed) {
    std::mt19937_64 random(seed);
    std::map<std::string, std::map<Lsn, std::string>> changes;  // "" for a removal
    const auto change = [&] {
      const std::string key = "key" + std::to_string(random() % 3'000);
      const std::string value(1 + random() % (random() % 50 == 0 ? 4'000 : 300), 'v');
      const bool remove = random() % 4 == 0;
      const Lsn lsn = remove ? Remove(key) : Put(key, value);
      if (lsn != 0) changes[key][lsn] = remove ? "" : value;
    };
    for (int i = 0; i < 4'000; ++i) change();
    ASSERT_TRUE(store_->StartSnapshot().ok());
    while (StepSnapshot()) {
      for (uint64_t i = random() % 20; i > 0; --i) change();
      if (random() % 4 == 0) StepLog();
    }
    const ReadSnapshot snapshot = ReadNewest();
    const Lsn covers = snapshot.header.covers;
    EXPECT_GT(snapshot.footer.highest_lsn, covers);
    for (const auto& [key, lsn] : snapshot.lsns) {
      ASSERT_TRUE(changes[key].contains(lsn)) << key;
      EXPECT_TRUE(snapshot.records.at(key).ends_with(changes[key][lsn]) && changes[key][lsn] != "");
    }
    for (const auto& [key, lsns] : changes) {
      const auto later = lsns.upper_bound(covers);
      if (later == lsns.begin()) continue;  // came after it was begun
      const auto& [last_lsn, value] = *std::prev(later);
      const auto copied = snapshot.lsns.find(key);
      if (copied != snapshot.lsns.end()) {
        EXPECT_GE(copied->second, last_lsn) << key << ": older than what is covered";
      } else if (value != "") {
        EXPECT_TRUE(std::any_of(later, lsns.end(), [](const auto& c) { return c.second == ""; }))
            << key << " is missing";
      }
    }
    for (const auto& [key, lsns] : changes) Remove(key);
    StepLog();
  });
}

// Else a power cut could leave a snapshot without the entry and a log without its removal.
TEST_F(StoreSnapshotTest, WhatItMissesIsDurablyGone) {
  Put("removed", "v");
  StepLog();
  ASSERT_TRUE(store_->StartSnapshot().ok());
  StepSnapshot();
  const Lsn removal = Remove("removed");
  FinishSnapshot();
  ASSERT_EQ(log().snapshots, 1u);
  ASSERT_LT(log().snapshot_lsn, removal);
  EXPECT_FALSE(ReadNewest().lsns.contains("removed"));
  EXPECT_GE(store_->synced(), removal);
}

TEST_F(StoreSnapshotTest, TakenWhenTheLogHasGrown) {
  EXPECT_FALSE(StepSnapshot());
  const std::string value(1'000, 'v');
  for (int i = 0; log().snapshots == 0; ++i) {
    ASSERT_LT(i, 2'000);
    Put("key" + std::to_string(i % 10), value);
    StepLog();
    if (StepSnapshot()) {
      const Stats stats = store_->GetStats();
      EXPECT_GT(stats.log.kept_bytes, 2 * stats.memory_bytes + options_.segment_bytes);
      FinishSnapshot();
    }
  }
  FinishSnapshot();
  EXPECT_FALSE(log().snapshot_running);
}

// Files stay under five times what lives and four segments, whatever is written, from the first
// record on; also while a snapshot takes its time, and after some that were taken by hand. (A
// change takes a block of 4 KiB here. At six a slice more than that is written while one snapshot
// runs.)
TEST_F(StoreSnapshotTest, TheDiskStaysBounded) {
  std::mt19937_64 random(1);
  uint64_t highest = 0;
  const auto run = [&](int rounds, int keys, int changes_per_slice) {
    for (int i = 0; i < rounds; ++i) {
      Put("key" + std::to_string(random() % static_cast<uint64_t>(keys)),
          std::string(random() % 3'000, 'v'));
      StepLog();
      if (i % changes_per_slice == 0) StepSnapshot();
      const uint64_t bound = 5 * store_->GetStats().memory_bytes + 4 * options_.segment_bytes;
      highest = std::max(highest, DiskBytes() * 100 / bound);
    }
  };
  for (const int by_hand : {0, 1, 2}) {
    for (const auto& [keys, changes_per_slice] : {std::pair{200, 4}, {200, 1}, {5, 1}, {5, 4}}) {
      options_.directory = absl::StrCat("/store", by_hand, keys, changes_per_slice);
      Open();
      for (int i = 0; i < by_hand; ++i) {
        run(1, 1, 1);
        ASSERT_TRUE(store_->Snapshot().ok());
      }
      run(4'000, keys, changes_per_slice);
      EXPECT_GT(log().snapshots, 10u);
      run(2'000, keys / 5, changes_per_slice);
      EXPECT_LE(std::exchange(highest, 0), 100u)
          << "percent of the bound; by hand " << by_hand << ", keys " << keys << ", changes "
          << changes_per_slice;
      EXPECT_EQ(Files("snap-", ".snap").size(), 2u);
    }
  }
}

// With everything expiring there is never anything to copy.
TEST_F(StoreSnapshotTest, WhatExpiresNeedsNoSnapshot) {
  for (int i = 0; i < 3'000; ++i) {
    const std::string key = "key" + std::to_string(i);
    const std::string value(500, 'v');
    Request put = Ask(Op::kPut, key);
    put.value = value;
    put.retention_ms = 100;
    Change(put);
    clock_.Advance(1);
    StepLog();
    StepSnapshot();
    store_->Step(Store::StepKind::kExpire);
    ASSERT_LE(Files("wal-").size(), 6u);
  }
  EXPECT_EQ(log().snapshots, 0u);
}

TEST_F(StoreSnapshotTest, AFailureHurtsNobodyAndIsTriedAgainLater) {
  const std::string value(1'000, 'v');
  const auto grow = [&] {
    for (int i = 0; i < 400; ++i) {
      Put("key" + std::to_string(i % 10), value);
      StepLog();
    }
  };
  grow();
  // A pause that doubles from one second.
  uint64_t failures = 0;
  for (const int64_t pause_ms : {1'000, 2'000, 4'000}) {
    files_.FailCall(1, absl::ResourceExhaustedError("no space left"), /*keep_failing=*/true);
    EXPECT_TRUE(StepSnapshot());
    files_.FailCall(0, absl::OkStatus());
    EXPECT_EQ(log().snapshots_failed, ++failures);
    EXPECT_TRUE(log().last_snapshot_failed);
    EXPECT_TRUE(Files("snap-").empty());
    EXPECT_FALSE(StepSnapshot());
    clock_.Advance(pause_ms - 1);
    EXPECT_FALSE(StepSnapshot());
    clock_.Advance(1);
  }
  EXPECT_NE(Put("key", "goes on"), 0u);
  FinishSnapshot();
  EXPECT_EQ(log().snapshots, 1u);
  EXPECT_FALSE(log().last_snapshot_failed);
  // Who asks does not wait for the pause.
  Put("key", "new");
  files_.FailCall(3, absl::ResourceExhaustedError("no space left"));
  EXPECT_TRUE(absl::IsResourceExhausted(store_->Snapshot()));
  EXPECT_TRUE(Files("snap-", ".tmp").empty());
  EXPECT_TRUE(store_->Snapshot().ok());
}

// Nothing of the log's beginning is left: what comes back is a snapshot, and the log behind it. One
// damaged snapshot is harmless, because the log goes back to the older one.
TEST_F(StoreSnapshotTest, ComesBackAfterAPowerCut) {
  options_.durability = Durability::kAlways;
  for (const bool damaged : {false, true}) {
    options_.directory = damaged ? "/damaged" : "/whole";
    Open();
    std::map<std::string, std::string> wanted;
    for (size_t i = 0; i < 3'000; ++i) {
      const std::string key = "key" + std::to_string(i * 7 % 900);
      wanted[key] = std::string(i % 300, 'v');
      Put(key, wanted[key]);
      if (i % 5 == 4) {
        wanted.erase("key" + std::to_string(i % 900));
        Remove("key" + std::to_string(i % 900));
      }
      if (i % 50 == 0) StepLog();
      if (i % 700 == 400) {
        EXPECT_TRUE(store_->Snapshot().ok());
      }
    }
    StepLog();
    EXPECT_FALSE(files_.Read(options_.directory + "/wal-0000000000000001.log").ok());
    const Lsn covers = log().snapshot_lsn;
    EXPECT_LT(covers, log().appended);
    files_.Crash();
    files_.FailCall(1, absl::UnavailableError("power cut"), /*keep_failing=*/true);
    store_.reset();
    files_.FailCall(0, absl::OkStatus());
    if (damaged) files_.Overwrite(engine::SnapshotPath(options_.directory, covers), "rot");
    Open();
    std::map<std::string, std::string> found;
    for (uint64_t cursor = 0, more = 1; more != 0; more = cursor) {
      cursor = store_->Scan(cursor, 100,
                            [&](const Store::Entry& entry) { found[std::string(entry.key)] = ""; });
    }
    for (auto& [key, value] : found) {
      Request get = Ask(Op::kGet, key);
      get.want_value = true;
      value = Execute(get).response.bytes();
    }
    EXPECT_EQ(found, wanted);
  }
}

TEST_F(StoreSnapshotTest, AClosedStoreLeavesNoHalfOne) {
  for (int i = 0; i < 1'000; ++i) Put("key" + std::to_string(i), "v");
  ASSERT_TRUE(store_->StartSnapshot().ok());
  for (int i = 0; i < 3; ++i) StepSnapshot();
  EXPECT_EQ(Files("snap-", ".tmp").size(), 1u);
  EXPECT_TRUE(log().snapshot_running);
  store_.reset();
  EXPECT_TRUE(Files("snap-").empty());
}

}  // namespace
}  // namespace idem
