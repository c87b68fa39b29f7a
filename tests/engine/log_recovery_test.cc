// Opening a log in files: what is repaired, what is refused, what is left behind.
#include "log/log_recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/coding.h"
#include "log/manifest.h"
#include "log/segment.h"
#include "tests/support/test_log.h"

namespace idem::engine {
namespace {

using Files = std::map<std::string, std::string>;

class LogRecoveryTest : public LogTest {
 protected:
  // Opens what stands there: refused with this code, and nothing is changed. Returns the message.
  std::string Refused(absl::StatusCode code) {
    const Files before = test_.Files();
    const absl::Status status = test_.Open();
    EXPECT_EQ(status.code(), code) << status;
    EXPECT_TRUE(test_.Files() == before) << "a refused open has changed a file";
    return std::string(status.message());
  }
  void ExpectRefused(absl::StatusCode code, const std::string& names = "") {
    EXPECT_THAT(Refused(code), testing::HasSubstr(names));
  }
  void AppendAndCommit(int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_NE(test_.AppendSome(), 0u);
      ASSERT_TRUE(test_.Commit());
    }
  }
  Manifest ReadManifest() { return ManifestFile::Read(&test_.files, "store").value(); }
  void WriteManifest(const Manifest& manifest) {
    test_.Damage("MANIFEST", EncodeManifest(manifest));
  }
  std::string NameOf(uint64_t number) { return SegmentPath("store", number).substr(6); }
};

// --- the torn tail

// The last batch reached the disk up to some byte only; the rest of it is zero.
TEST_F(LogRecoveryTest, CutsATornTailAtEveryByte) {
  Open();
  AppendAndCommit(3);
  const std::string name = test_.Segments().back();
  const std::string before = test_.Files()[name];
  AppendAndCommit(1);
  const Files files = test_.Files();
  const std::string& after = files.at(name);
  const size_t start = 4 * kBlockBytes;
  ASSERT_EQ(before.substr(0, start), after.substr(0, start));
  const size_t end = after.find_last_not_of('\0') + 1;
  for (size_t cut = start; cut <= end; ++cut) {
    TestLog torn;
    torn.TakeFiles(files);
    torn.Damage(name, after.substr(0, cut) + std::string(after.size() - cut, '\0'));
    ASSERT_TRUE(torn.Open().ok()) << cut;
    ASSERT_EQ(torn.last_recovered, cut == end ? 4u : 3u) << cut;
    ASSERT_EQ(torn.log->stats().torn_tails_cut, cut == start || cut == end ? 0u : 1u) << cut;
    torn.AppendSome();
    ASSERT_TRUE(torn.Commit());
    const Lsn last = torn.last_recovered + 1;
    torn.PowerCut();
    ASSERT_TRUE(torn.Open().ok());
    ASSERT_EQ(torn.last_recovered, last) << "the cut is forgotten, what came after it is kept";
    ASSERT_EQ(torn.log->stats().torn_tails_cut, 0u);
  }
}

// The same with a rotation: header and first batch of the next segment are one step.
TEST_F(LogRecoveryTest, CutsATornRotationAtEveryByte) {
  Open();
  test_.PrepareSegment();
  Files before;
  Lsn last_before = 0;
  while (log_->stats().spare_ready) {
    before = test_.Files();
    last_before = log_->committed();
    ASSERT_NE(test_.AppendSome(4000), 0u);
    ASSERT_TRUE(test_.Commit());
  }
  const std::string name = test_.Segments().back();
  const std::string after = test_.Files()[name];
  const size_t end = after.find_last_not_of('\0') + 1;
  for (size_t cut = 0; cut <= end; cut += (cut < 400 || cut + 100 > end ? 1 : 97)) {
    TestLog torn;
    torn.TakeFiles(before);
    torn.Damage(name, after.substr(0, cut) + std::string(after.size() - cut, '\0'));
    ASSERT_TRUE(torn.Open().ok()) << cut;
    ASSERT_EQ(torn.last_recovered, cut == end ? last_before + 1 : last_before) << cut;
  }
}

TEST_F(LogRecoveryTest, WritesTheUnprovenTailAnew) {
  Open(Durability::kOs);
  test_.PrepareSegment();
  FillUntilRotated();
  const Lsn durable = log_->synced();
  for (int i = 0; i < 10; ++i) {
    test_.AppendSome(4000);
    ASSERT_TRUE(test_.Commit());
  }
  EXPECT_EQ(log_->synced(), durable);
  test_.Kill();
  Open(Durability::kOs);
  EXPECT_EQ(test_.recovered, test_.appended);
  EXPECT_EQ(log_->synced(), log_->committed()) << "an open proves what it shows";
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

// --- damage

TEST_F(LogRecoveryTest, RefusesRotAndNamesFileAndOffset) {
  Open();
  AppendAndCommit(5);
  test_.PowerCut();
  const std::string name = test_.Segments().back();
  std::string bytes = test_.Files()[name];
  bytes[3 * kBlockBytes + 80] ^= 1;
  test_.Damage(name, bytes);
  ExpectRefused(absl::StatusCode::kDataLoss, name + ": offset 12288: damage: record 3 ");
}

// Rot in the very last batch looks like a torn write, until an idle mark or a clean stop follows.
TEST_F(LogRecoveryTest, AnIdleMarkOrACleanStopProvesTheLastBatch) {
  for (const bool clean_stop : {false, true}) {
    TestLog test;
    ASSERT_TRUE(test.Open().ok());
    test.PrepareSegment();
    test.AppendSome();
    ASSERT_TRUE(test.Commit());
    const Files unproven = test.Files();
    if (clean_stop) {
      ASSERT_TRUE(test.log->Close().ok());
    } else {
      test.clock.Advance(50);
      test.StepAll(Store::StepKind::kCommit);
    }
    const Files proven = test.Files();
    for (const Files& files : {unproven, proven}) {
      TestLog damaged;
      damaged.TakeFiles(files);
      const std::string name = damaged.Segments().front();
      std::string bytes = files.at(name);
      bytes[kBlockBytes + 80] ^= 1;
      damaged.Damage(name, bytes);
      const absl::Status status = damaged.Open();
      if (files == unproven) {
        EXPECT_TRUE(status.ok()) << status;
        EXPECT_EQ(damaged.log->stats().torn_tails_cut, 1u);
      } else {
        EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      }
    }
  }
}

TEST_F(LogRecoveryTest, NeverForgetsThatItWasSalvaged) {
  Open();
  AppendAndCommit(1);
  test_.PowerCut();
  Manifest manifest = ReadManifest();
  manifest.salvages = 2;
  WriteManifest(manifest);
  Open();
  test_.PrepareSegment();
  EXPECT_EQ(log_->stats().salvages, 2u);
  Reopen();
  EXPECT_EQ(log_->stats().salvages, 2u);
  EXPECT_EQ(ReadManifest().salvages, 2u);
}

TEST_F(LogRecoveryTest, RefusesSegmentsWithoutAManifest) {
  Open();
  AppendAndCommit(1);
  test_.PowerCut();
  ASSERT_TRUE(test_.files.Remove("store/MANIFEST").ok());
  ExpectRefused(absl::StatusCode::kDataLoss);
}

TEST_F(LogRecoveryTest, RefusesAMissingSegmentAndAMissingSpare) {
  Open();
  test_.PrepareSegment();
  AppendAndCommit(1);
  test_.PowerCut();
  for (const std::string& name : test_.Segments()) {
    const std::string bytes = test_.Files()[name];
    ASSERT_TRUE(test_.files.Remove("store/" + name).ok());
    ExpectRefused(absl::StatusCode::kDataLoss, name);
    test_.Damage(name, bytes);
  }
  EXPECT_TRUE(test_.Open().ok());
}

TEST_F(LogRecoveryTest, RefusesTheSegmentOfAnotherStore) {
  Open();
  AppendAndCommit(2);
  TestLog other;
  ASSERT_TRUE(other.Open().ok());
  other.AppendSome();
  ASSERT_TRUE(other.Commit());
  const std::string name = test_.Segments().front();
  test_.PowerCut();
  const std::string own = test_.Files()[name];
  test_.Damage(name, other.Files()[name]);
  ExpectRefused(absl::StatusCode::kDataLoss);
  test_.Damage(name, own);
  test_.Damage(NameOf(99), other.Files()[name]);  // nor is it removed where nobody names it
  ExpectRefused(absl::StatusCode::kDataLoss);
}

TEST_F(LogRecoveryTest, RefusesAnOldManifestThatWasPutBack) {
  Open();
  const std::string old = test_.Files()["MANIFEST"];
  for (int i = 0; i < 2; ++i) {
    test_.PrepareSegment();
    FillUntilRotated();
  }
  test_.PowerCut();
  test_.Damage("MANIFEST", old);
  ExpectRefused(absl::StatusCode::kDataLoss, "is MANIFEST an old copy?");
}

TEST_F(LogRecoveryTest, RefusesANewerFormat) {
  Open();
  AppendAndCommit(1);
  test_.PowerCut();
  std::string bytes = test_.Files()["MANIFEST"];
  StoreAt(bytes.data() + 20, uint16_t{2});
  StoreAt(bytes.data() + 8, Checksum(0x316e616d6d656469, std::string_view(bytes).substr(16)));
  test_.Damage("MANIFEST", bytes);
  ExpectRefused(absl::StatusCode::kFailedPrecondition);
}

TEST_F(LogRecoveryTest, RefusesWhenTheEpochsAreUsedUp) {
  Open();
  test_.PowerCut();
  Manifest manifest = ReadManifest();
  manifest.epoch = kEpochMax - 1;
  WriteManifest(manifest);
  Open();
  EXPECT_LT(test_.opened->tokens.limit, (Token{1} << 53) + 1);
  EXPECT_TRUE(absl::IsResourceExhausted(log_->RaiseEpoch().status()));
  test_.PowerCut();
  ExpectRefused(absl::StatusCode::kResourceExhausted);
}

TEST_F(LogRecoveryTest, StopsAtTheVisitorsErrorAndHasChangedNothing) {
  Open();
  AppendAndCommit(2);
  test_.PowerCut();
  test_.visitor_status = absl::OutOfRangeError("enough");
  ExpectRefused(absl::StatusCode::kOutOfRange);
  test_.visitor_status = absl::OkStatus();
  EXPECT_TRUE(test_.Open().ok());
}

// --- what is left behind

TEST_F(LogRecoveryTest, RemovesWhatNoManifestNames) {
  Open();
  test_.PrepareSegment();
  AppendAndCommit(1);
  test_.PowerCut();
  test_.Damage(NameOf(50), std::string(64 << 10, '\0'));  // a spare that was not named in time
  test_.Damage(NameOf(51), "half a header");
  test_.Damage("MANIFEST.tmp", "half a manifest");
  test_.Damage("wal-1.log", "not ours");
  test_.Damage("notes.txt", "not ours");
  Open();
  EXPECT_EQ(test_.recovered, test_.appended);
  const Files files = test_.Files();
  EXPECT_FALSE(files.contains(NameOf(50)));
  EXPECT_FALSE(files.contains(NameOf(51)));
  EXPECT_TRUE(files.contains("wal-1.log"));
  EXPECT_TRUE(files.contains("notes.txt"));
  EXPECT_TRUE(log_->stats().spare_ready || log_->Step(Store::StepKind::kPrepareSegment));
}

TEST_F(LogRecoveryTest, TakesTheSpareOnlyIfItIsUntouched) {
  Open();
  test_.PrepareSegment();
  const std::string spare = test_.Segments().back();
  AppendAndCommit(1);
  test_.PowerCut();
  const Files files = test_.Files();
  Open();
  EXPECT_EQ(test_.Segments(), std::vector<std::string>{spare});

  TestLog touched;
  touched.TakeFiles(files);
  std::string bytes = files.at(spare);
  bytes[40'000] = 1;
  touched.Damage(spare, bytes);
  ASSERT_TRUE(touched.Open().ok());
  EXPECT_EQ(touched.recovered, test_.appended);
  EXPECT_NE(touched.Segments(), std::vector<std::string>{spare});
}

// An open that wants larger segments dies with a file that is newer than the spare. The next one
// removes it, but a power cut may bring it back.
TEST_F(LogRecoveryTest, ARemovedFileThatComesBackDoesNoHarm) {
  for (int64_t nth = 1, done = false; !done; ++nth) {
    SCOPED_TRACE(nth);
    TestLog test;
    ASSERT_TRUE(test.Open().ok());
    test.AppendSome();
    ASSERT_TRUE(test.Commit());
    test.PrepareSegment();
    test.PowerCut();
    const uint64_t segment_bytes = std::exchange(test.options.segment_bytes, 128 << 10);
    test.files.FailCall(nth, broken_, /*keep_failing=*/true);
    done = test.Open().ok();
    test.files.FailCall(0, broken_);
    test.PowerCut();
    test.options.segment_bytes = segment_bytes;
    for (int i = 0; i < 2; ++i) {
      const absl::Status opened = test.Open();
      ASSERT_TRUE(opened.ok()) << opened;
      EXPECT_EQ(test.recovered, test.appended);
      test.PowerCut();
    }
  }
}

TEST_F(LogRecoveryTest, TakesAnotherSegmentSize) {
  Open();
  test_.PrepareSegment();
  AppendAndCommit(3);
  for (const uint64_t segment_bytes : {131'072u, 40'960u, 100'000u}) {
    test_.PowerCut();
    test_.options.segment_bytes = segment_bytes;
    Open();
    EXPECT_EQ(test_.recovered, test_.appended);
    test_.PrepareSegment();
    AppendAndCommit(3);
    EXPECT_EQ(test_.Files()[test_.Segments().back()].size() % kBlockBytes, 0u);
  }
}

// A tail that does not fit into a segment of the new size gets one that holds it.
TEST_F(LogRecoveryTest, MakesTheNewSegmentAsLargeAsTheTail) {
  test_.options.segment_bytes = 256 << 10;
  Open(Durability::kOs);
  for (int i = 0; i < 40; ++i) {
    ASSERT_NE(test_.AppendSome(4000), 0u);
    ASSERT_TRUE(test_.Commit());
  }
  test_.Kill();
  test_.options.segment_bytes = 64 << 10;
  Open(Durability::kAlways);
  EXPECT_EQ(test_.recovered, test_.appended);
  test_.PrepareSegment();
  AppendAndCommit(10);
  Reopen();
  EXPECT_EQ(test_.recovered, test_.appended);
}

}  // namespace
}  // namespace idem::engine
