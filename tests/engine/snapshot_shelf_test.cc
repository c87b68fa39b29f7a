#include "log/snapshot_shelf.h"

#include <gtest/gtest.h>

#include <string>

#include "log/segment.h"
#include "tests/support/snapshot_reading.h"
#include "tests/support/test_log.h"

namespace idem::engine {
namespace {

class SnapshotShelfTest : public LogTest {
 protected:
  Manifest ReadManifest() { return *ManifestFile::Read(&test_.files, test_.options.directory); }

  // Of a store that holds one register for ever.
  absl::Status TakeSnapshot() {
    absl::StatusOr<std::unique_ptr<SnapshotWriter>> writer = log_->StartSnapshot();
    if (!writer.ok()) return writer.status();
    if (*writer == nullptr) return absl::OkStatus();
    Image image = Register("kept", "value");
    image.deadline_ms = snapshot_deadline_ms_;
    (*writer)->Add(image, std::max<Lsn>(1, test_.LastAppended()));
    return Publish(*log_, **writer);
  }
  // Appends `bytes` or more, committed, in new segments as needed.
  void Grow(size_t bytes, int64_t deadline_ms = 0) {
    for (size_t grown = 0; grown < bytes; grown += 2000) {
      const std::string value(2000, 'v');
      Image image = Register("key", value);
      image.deadline_ms = deadline_ms;
      if (test_.Append(image) == 0) {
        test_.PrepareSegment();
        ASSERT_NE(test_.Append(image), 0u);
      }
      ASSERT_TRUE(test_.Commit());
      test_.PrepareSegment();
    }
  }
  // The manifest names what is there, and the log goes back to what the older snapshot needs.
  void CheckDirectory() {
    const Manifest manifest = ReadManifest();
    for (const ManifestSnapshot& snapshot : manifest.snapshots) {
      auto verifier = SnapshotVerifier::Open(
          &test_.files, SnapshotPath(test_.options.directory, snapshot.covers), snapshot);
      ASSERT_TRUE(verifier.ok()) << verifier.status();
      absl::StatusOr<bool> more = true;
      while (more.ok() && *more) more = verifier->Next();
      EXPECT_TRUE(more.ok()) << more.status();
    }
    ASSERT_FALSE(manifest.segments.empty());
    for (const ManifestSegment& segment : manifest.segments) {
      EXPECT_TRUE(test_.files.Read(SegmentPath(test_.options.directory, segment.number)).ok());
    }
    const std::string first =
        *test_.files.Read(SegmentPath(test_.options.directory, manifest.segments[0].number));
    uint64_t chain = 0;
    const absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader("first", first, &chain);
    ASSERT_TRUE(header.ok()) << header.status();
    const Lsn older = manifest.snapshots.size() == 2 ? manifest.snapshots[1].covers : 0;
    EXPECT_LE(header->first_lsn, std::max(older, manifest.forgotten_lsn) + 1);
  }

  int64_t snapshot_deadline_ms_ = 0;
};

TEST_F(SnapshotShelfTest, KeepsTwoAndTheLogBehindTheOlder) {
  Open();
  Lsn newest = 0;
  for (int i = 0; i < 6; ++i) {
    Grow(150'000);
    const Lsn before = newest;
    newest = test_.LastAppended();
    ASSERT_TRUE(TakeSnapshot().ok());
    const Manifest manifest = ReadManifest();
    ASSERT_EQ(manifest.snapshots.size(), i == 0 ? 1u : 2u);
    EXPECT_EQ(manifest.snapshots[0].covers, newest);
    if (i > 0) {
      EXPECT_EQ(manifest.snapshots[1].covers, before);
      EXPECT_GT(manifest.segments[0].end.last_lsn, before) << "one that nobody needs";
    }
    CheckDirectory();
    EXPECT_EQ(test_.Segments().size(), manifest.segments.size());
    EXPECT_EQ(log_->stats().snapshot_lsn, newest);
  }
}

TEST_F(SnapshotShelfTest, NothingNewNeedsNoSnapshot) {
  Open();
  EXPECT_EQ(*log_->StartSnapshot(), nullptr) << "an empty log";
  Grow(2000);
  ASSERT_TRUE(TakeSnapshot().ok());
  EXPECT_EQ(*log_->StartSnapshot(), nullptr);
  Grow(2000);
  EXPECT_NE(*log_->StartSnapshot(), nullptr);
}

// What it copied is synced first, whatever the mode.
TEST_F(SnapshotShelfTest, IsPublishedOnlyBehindTheSync) {
  for (const Durability durability :
       {Durability::kAlways, Durability::kInterval, Durability::kOs}) {
    test_.options.directory = "store" + std::to_string(static_cast<int>(durability));
    test_.appended.clear();
    Open(durability);
    ASSERT_NE(test_.AppendSome(), 0u);
    ASSERT_LT(log_->synced(), test_.LastAppended());
    ASSERT_TRUE(TakeSnapshot().ok());
    EXPECT_GE(log_->synced(), ReadManifest().snapshots[0].highest_lsn);
  }
}

TEST_F(SnapshotShelfTest, NotOfALogThatHasFailed) {
  Open();
  Grow(2000);
  auto writer = log_->StartSnapshot();
  ASSERT_TRUE(writer.ok());
  ASSERT_NE(test_.AppendSome(), 0u);
  (*writer)->Add(Register("k", "v"), test_.LastAppended());
  ASSERT_TRUE((*writer)->Seal().ok());
  while (*(*writer)->Verify()) {
  }
  test_.files.FailCall(1, broken_);
  EXPECT_TRUE(absl::IsDataLoss(log_->PublishSnapshot(**writer)));
  EXPECT_TRUE(absl::IsDataLoss(log_->StartSnapshot().status()));
  EXPECT_TRUE(ReadManifest().snapshots.empty());
}

// The power fails, or a call does, at every step of two snapshots; then the directory shows the
// state before or after, never a mixture, and the next snapshot goes well.
class SnapshotStepsTest : public SnapshotShelfTest {
 protected:
  // Fails call `nth` of the second snapshot. False: it has fewer.
  bool RunOnce(int64_t nth, bool power_cut) {
    test_.PowerCut();
    for (const auto& [name, contents] : test_.Files()) {
      EXPECT_TRUE(test_.files.Remove(test_.options.directory + "/" + name).ok());
    }
    test_.appended.clear();
    Open();
    Grow(100'000);
    EXPECT_TRUE(TakeSnapshot().ok());
    Grow(100'000);
    const Lsn covers[] = {ReadManifest().snapshots[0].covers, test_.LastAppended()};
    const int64_t calls = test_.files.calls();
    test_.files.FailCall(nth, broken_, power_cut);
    const absl::Status status = TakeSnapshot();
    const bool failed_one = test_.files.calls() - calls >= nth;
    if (power_cut) test_.PowerCut();
    test_.files.FailCall(0, absl::OkStatus());
    const Manifest manifest = ReadManifest();
    EXPECT_EQ(manifest.snapshots.back().covers, covers[0]);
    EXPECT_EQ(manifest.snapshots.front().covers, covers[manifest.snapshots.size() - 1]);
    EXPECT_TRUE(!status.ok() || manifest.snapshots.size() == 2);
    CheckDirectory();
    if (!power_cut) GoOn();
    EXPECT_TRUE(failed_one || status.ok()) << status;
    return failed_one && !HasFailure();
  }
  void GoOn() {
    Grow(4000);
    EXPECT_TRUE(TakeSnapshot().ok());
    CheckDirectory();
    size_t snapshots = 0;
    for (const auto& [name, contents] : test_.Files()) snapshots += name.starts_with("snap-");
    EXPECT_EQ(snapshots, 2u) << "what failed leaves no file for good";
    EXPECT_EQ(ReadManifest().snapshots[0].covers, test_.LastAppended());
  }
};

TEST_F(SnapshotStepsTest, PowerCutAtEveryStep) {
  int64_t nth = 1;
  while (RunOnce(nth, /*power_cut=*/true)) ++nth;
  EXPECT_GT(nth, 15);
}

TEST_F(SnapshotStepsTest, EveryCallFails) {
  int64_t nth = 1;
  while (RunOnce(nth, /*power_cut=*/false)) ++nth;
  EXPECT_GT(nth, 15);
}

// The first at half of what the log may have, so that the second comes before it has all.
TEST_F(SnapshotShelfTest, DueByTheLogsLength) {
  Open();
  const uint64_t segment = test_.options.segment_bytes;
  const auto due_of_live = [&](uint64_t live_bytes) { return log_->SnapshotDue(live_bytes); };
  Grow(2000);
  EXPECT_FALSE(due_of_live(0));
  Grow(3 * segment);
  EXPECT_TRUE(due_of_live(0));
  const uint64_t kept = log_->stats().kept_bytes;
  EXPECT_FALSE(due_of_live((kept - segment) / 2 + 1));
  EXPECT_TRUE(due_of_live((kept - segment) / 2 - 1));
  ASSERT_TRUE(TakeSnapshot().ok());
  EXPECT_FALSE(due_of_live(0)) << "a second one would not shorten the log by much";
  Grow(2 * segment);
  EXPECT_TRUE(due_of_live(0));
  ASSERT_TRUE(TakeSnapshot().ok());
  EXPECT_LT(log_->stats().kept_bytes, kept);
}

// However early the ones before were taken by hand.
TEST_F(SnapshotShelfTest, DueByWhatLiesBehindTheNewest) {
  Open();
  const uint64_t segment = test_.options.segment_bytes;
  for (int i = 0; i < 2; ++i) {
    Grow(2000);
    ASSERT_TRUE(TakeSnapshot().ok());
    EXPECT_FALSE(log_->SnapshotDue(0)) << "nothing is new";
  }
  Grow(segment / 4);  // twice that, in blocks
  EXPECT_FALSE(log_->SnapshotDue(0));
  Grow(segment / 4);
  EXPECT_TRUE(log_->SnapshotDue(0));
  EXPECT_LT(log_->stats().kept_bytes, 2 * segment) << "not by the length of the log";
  EXPECT_FALSE(log_->SnapshotDue(segment));
}

// Four times the live bytes and two segments, before there is a snapshot.
TEST_F(SnapshotShelfTest, LateWhenTheLogHasAllItMayHave) {
  Open();
  const uint64_t segment = test_.options.segment_bytes;
  Grow(2000);
  EXPECT_FALSE(log_->SnapshotLate(0));
  Grow(3 * segment);
  const uint64_t beyond = log_->stats().kept_bytes - 2 * segment;
  EXPECT_TRUE(log_->SnapshotLate(beyond / 4 - 1));
  EXPECT_FALSE(log_->SnapshotLate(beyond / 4 + 1));
}

TEST_F(SnapshotShelfTest, DropsWhatHasExpiredAsAWhole) {
  Open();
  const int64_t now_ms = test_.opened->clock.NowMs();
  Grow(200'000, now_ms + 1000);
  const size_t expiring = ReadManifest().segments.size();
  Grow(100'000, now_ms + 5000);
  Grow(100'000, now_ms + 1000);
  const size_t segments = test_.Segments().size();
  log_->DropExpired();
  EXPECT_EQ(test_.Segments().size(), segments) << "nothing has expired";
  test_.clock.Advance(1000);
  log_->DropExpired();
  const Manifest manifest = ReadManifest();
  EXPECT_GT(manifest.forgotten_lsn, 0u);
  EXPECT_LT(test_.Segments().size(), segments);
  EXPECT_GT(test_.Segments().size(), segments - expiring) << "only before the first that lives";
  CheckDirectory();
  EXPECT_EQ(test_.Segments().size(), manifest.segments.size());
  test_.clock.Advance(4000);
  log_->DropExpired();
  EXPECT_EQ(test_.Segments().size(), 2u) << "the one in use and the spare";
  CheckDirectory();
}

// A removal that the snapshot does not know of stands only in the log.
TEST_F(SnapshotShelfTest, ASnapshotThatHoldsSomethingKeepsTheLogBehindIt) {
  Open();
  const int64_t now_ms = test_.opened->clock.NowMs();
  Grow(2000, now_ms + 1000);
  snapshot_deadline_ms_ = now_ms + 9000;
  ASSERT_TRUE(TakeSnapshot().ok());
  Grow(200'000, now_ms + 1000);
  const size_t segments = test_.Segments().size();
  test_.clock.Advance(8000);
  log_->DropExpired();
  EXPECT_EQ(test_.Segments().size(), segments);
  CheckDirectory();
  test_.clock.Advance(1000);
  log_->DropExpired();
  EXPECT_LT(test_.Segments().size(), segments) << "a register of the first segment lives for ever";
}

TEST_F(SnapshotShelfTest, WhatIsNotNamedIsRemovedAtTheNextOpen) {
  Open();
  Grow(4000);
  test_.Damage("snap-0000000000000777.snap", "left behind");
  test_.Damage("snap-0000000000000778.snap.tmp", "left behind");
  Reopen();
  for (const auto& [name, contents] : test_.Files()) EXPECT_FALSE(name.starts_with("snap-"));
}

}  // namespace
}  // namespace idem::engine
