#include "log/manifest.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "base/coding.h"
#include "idem/memory_file_system.h"

namespace idem::engine {
namespace {

Manifest SomeManifest() {
  Manifest manifest;
  manifest.generation = 4;
  manifest.store_id.fill('i');
  manifest.secret.fill('s');
  manifest.epoch = 3;
  manifest.store_ms = 5000;
  manifest.wall_ms = 1'800'000'000'000;
  manifest.boot_id = "fake-boot";
  manifest.durable_lsn = 20;
  manifest.salvages = 2;
  manifest.snapshots = {{9, 14, 5000, 41, 70, 1'700'000'000'000}, {5, 5, 4200, 42, kNeverMs, 7}};
  manifest.forgotten_lsn = 3;
  manifest.segments = {
      {1, 11, 64 << 10, SegmentState::kClosed, {8192, 10, 77, kNeverMs}},
      {2, 12, 64 << 10, SegmentState::kClosed, {64 << 10, 20, 78, 9}},
      {5, 13, 64 << 10, SegmentState::kInUse, SegmentEnd{0, 0, 0, 0}},
      {6, 14, 128 << 10, SegmentState::kSpare, SegmentEnd{0, 0, 0, 0}},
  };
  return manifest;
}

// The hash is right again after a change by hand.
std::string Rehashed(std::string bytes) {
  constexpr uint64_t kSeed = 0x316e616d6d656469;
  StoreAt(bytes.data() + 8, Checksum(kSeed, std::string_view(bytes).substr(16)));
  return bytes;
}

TEST(ManifestTest, ComesBack) {
  for (const Manifest& manifest : {SomeManifest(), Manifest{}}) {
    const absl::StatusOr<Manifest> read = DecodeManifest("M", EncodeManifest(manifest));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(*read, manifest);
  }
}

TEST(ManifestTest, StandsAtTheseOffsets) {
  const std::string bytes = EncodeManifest(SomeManifest());
  EXPECT_EQ(bytes.size(), 464u + 4 * 64);
  EXPECT_EQ(bytes.substr(0, 8), "idemman1");
  EXPECT_EQ(Load<uint32_t>(bytes.data() + 16), bytes.size());
  EXPECT_EQ(Load<uint16_t>(bytes.data() + 20), kFormatMajor);
  EXPECT_EQ(Load<uint32_t>(bytes.data() + 24), kIncompatibleFeatures);
  EXPECT_EQ(Load<uint64_t>(bytes.data() + 32), 4u);
  EXPECT_EQ(bytes.substr(40, 16), std::string(16, 'i'));
  EXPECT_EQ(bytes.substr(56, 192), std::string(192, 's'));
  EXPECT_EQ(Load<uint32_t>(bytes.data() + 248), 3u);
  EXPECT_EQ(Load<uint32_t>(bytes.data() + 252), 4u);
  EXPECT_EQ(Load<int64_t>(bytes.data() + 256), 5000);
  EXPECT_EQ(Load<uint64_t>(bytes.data() + 272), 20u);
  EXPECT_EQ(bytes.substr(292, 9), "fake-boot");
  EXPECT_EQ(Load<uint32_t>(bytes.data() + 356), 2u);
  const uint64_t snapshots[] = {9, 14, 5000, 41, 70,       1'700'000'000'000,
                                5, 5,  4200, 42, kNeverMs, 7};
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(Load<uint64_t>(&bytes[360 + i * 8]), snapshots[i]);
  EXPECT_EQ(Load<uint64_t>(bytes.data() + 456), 3u);
  EXPECT_EQ(Load<uint64_t>(bytes.data() + 464), 1u);
  EXPECT_EQ(Load<uint64_t>(bytes.data() + 464 + 32), 8192u);
}

TEST(ManifestTest, RefusesEveryFlippedBitAndEveryTruncation) {
  const std::string bytes = EncodeManifest(SomeManifest());
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    EXPECT_TRUE(absl::IsDataLoss(DecodeManifest("M", flipped).status())) << bit;
  }
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeManifest("M", bytes.substr(0, length)).status())) << length;
  }
  EXPECT_TRUE(absl::IsDataLoss(DecodeManifest("M", bytes + '\0').status()));
}

TEST(ManifestTest, TellsANewerFormatFromDamage) {
  std::string major = EncodeManifest(SomeManifest());
  StoreAt(major.data() + 20, uint16_t{2});
  EXPECT_TRUE(absl::IsFailedPrecondition(DecodeManifest("M", Rehashed(major)).status()));
  std::string feature = EncodeManifest(SomeManifest());
  StoreAt(feature.data() + 24, kIncompatibleFeatures + 1);
  EXPECT_TRUE(absl::IsFailedPrecondition(DecodeManifest("M", Rehashed(feature)).status()));
  std::string minor = EncodeManifest(SomeManifest());
  StoreAt(minor.data() + 22, uint16_t{1});
  EXPECT_TRUE(DecodeManifest("M", Rehashed(minor)).ok());
}

// With a right hash, so it was written so.
TEST(ManifestTest, RefusesWhatContradictsItself) {
  const std::string bytes = EncodeManifest(SomeManifest());
  const auto refused = [&bytes](size_t offset, auto value) {
    std::string changed = bytes;
    StoreAt(changed.data() + offset, value);
    return absl::IsDataLoss(DecodeManifest("M", Rehashed(changed)).status());
  };
  const auto segment = [](int i, size_t offset) {
    return 464 + static_cast<size_t>(i) * 64 + offset;
  };
  EXPECT_TRUE(refused(248, uint32_t{kEpochMax + 1}));
  EXPECT_TRUE(refused(252, uint32_t{3})) << "segment count";
  EXPECT_TRUE(refused(288, uint32_t{65})) << "boot id";
  EXPECT_TRUE(refused(288, uint32_t{3})) << "bytes behind the boot id";
  EXPECT_TRUE(refused(360, uint64_t{0})) << "a snapshot that covers nothing";
  EXPECT_TRUE(refused(360, uint64_t{5})) << "two snapshots of one LSN";
  EXPECT_TRUE(refused(368, uint64_t{8})) << "does not even reach what it covers";
  EXPECT_TRUE(refused(376, uint64_t{4096})) << "a header alone";
  EXPECT_TRUE(refused(392, int64_t{kNeverMs + 1})) << "deadline";
  EXPECT_TRUE(refused(segment(1, 0), uint64_t{1})) << "number twice";
  EXPECT_TRUE(refused(segment(0, 16), uint64_t{100})) << "file bytes";
  EXPECT_TRUE(refused(segment(0, 24), uint32_t{0})) << "state";
  EXPECT_TRUE(refused(segment(3, 24), uint32_t{4})) << "state";
  EXPECT_TRUE(refused(segment(3, 24), uint32_t{2})) << "two in use";
  EXPECT_TRUE(refused(segment(0, 28), uint32_t{1}));
  EXPECT_TRUE(refused(segment(0, 32), uint64_t{100})) << "end within the header";
  EXPECT_TRUE(refused(segment(0, 32), uint64_t{1 << 20})) << "end behind the file";
  EXPECT_TRUE(refused(segment(1, 40), uint64_t{9})) << "LSNs fall";
  EXPECT_TRUE(refused(segment(2, 32), uint64_t{8192})) << "in use, with an end";
}

class ManifestFileTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(files_.CreateDirectory("d").ok());
    file_ = std::make_unique<ManifestFile>(&files_, "d", SomeManifest());
    ASSERT_TRUE(file_->Commit([](Manifest&) {}).ok());
  }
  uint32_t EpochOnDisk() {
    files_.Crash();
    const absl::StatusOr<Manifest> read = ManifestFile::Read(&files_, "d");
    EXPECT_TRUE(read.ok()) << read.status();
    return read.ok() ? read->epoch : 0;
  }

  MemoryFileSystem files_;
  std::unique_ptr<ManifestFile> file_;
};

TEST_F(ManifestFileTest, CommitSurvivesAPowerCut) {
  ASSERT_TRUE(file_->Commit([](Manifest& manifest) { manifest.epoch = 9; }).ok());
  EXPECT_EQ(file_->Get().epoch, 9u);
  EXPECT_EQ(file_->Get().generation, 6u);
  EXPECT_EQ(EpochOnDisk(), 9u);
}

TEST_F(ManifestFileTest, ApplyCountsFromTheNextCommitOn) {
  file_->Apply([](Manifest& manifest) { manifest.wall_ms = 1; });
  EXPECT_NE(ManifestFile::Read(&files_, "d")->wall_ms, 1);
  ASSERT_TRUE(file_->Commit([](Manifest&) {}).ok());
  EXPECT_EQ(ManifestFile::Read(&files_, "d")->wall_ms, 1);
}

TEST_F(ManifestFileTest, ThereIsNone) {
  EXPECT_TRUE(absl::IsNotFound(ManifestFile::Read(&files_, "elsewhere").status()));
}

// Whatever call fails: the old or the new one is on disk, the change does not count here, and the
// next attempt succeeds.
TEST_F(ManifestFileTest, AFailedCommitLeavesTheOldOneOrTheNew) {
  const auto raise = [](Manifest& manifest) { ++manifest.epoch; };
  int failures = 0;
  for (int64_t nth = 1; nth <= 10; ++nth) {
    const uint32_t before = file_->Get().epoch;
    files_.FailCall(nth, absl::UnavailableError("the disk is broken"));
    const bool committed = file_->Commit(raise).ok();
    files_.FailCall(0, absl::OkStatus());
    failures += committed ? 0 : 1;
    EXPECT_EQ(file_->Get().epoch, committed ? before + 1 : before);
    const uint32_t on_disk = EpochOnDisk();
    EXPECT_TRUE(on_disk == before + 1 || (!committed && on_disk == before)) << on_disk;
    ASSERT_TRUE(file_->Commit(raise).ok());
    EXPECT_EQ(EpochOnDisk(), file_->Get().epoch);
  }
  EXPECT_EQ(failures, 5) << "open, write, sync, rename, sync of the directory; not the removal";
}

}  // namespace
}  // namespace idem::engine
