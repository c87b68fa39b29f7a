#include "log/snapshot_writer.h"

#include <gtest/gtest.h>

#include <string>

#include "base/body.h"
#include "idem/memory_file_system.h"
#include "log/record.h"
#include "tests/support/snapshot_reading.h"
#include "tests/support/test_log.h"

namespace idem::engine {
namespace {

SnapshotHeader SomeHeader() {
  SnapshotHeader header;
  header.covers = 100;
  header.salt = 7;
  header.store_ms = 5000;
  header.wall_ms = 1'800'000'000'000;
  header.epoch = 3;
  header.store_id.fill('i');
  header.secret.fill('s');
  return header;
}

class SnapshotWriterTest : public testing::Test {
 protected:
  SnapshotWriterTest() { EXPECT_TRUE(files_.CreateDirectory("d").ok()); }

  void Create() {
    auto writer = SnapshotWriter::Create(&files_, "d", SomeHeader());
    ASSERT_TRUE(writer.ok()) << writer.status();
    writer_ = *std::move(writer);
  }
  void Add(const Image& image, Lsn lsn) {
    writer_->Add(image, lsn);
    added_[std::string(image.key)] = TestLog::Encoded(image);
  }
  absl::Status Finish() {
    absl::Status status = writer_->Seal();
    for (bool more = true; status.ok() && more;) {
      const absl::StatusOr<bool> read = writer_->Verify();
      if (!read.ok()) return read.status();
      more = *read;
    }
    return status.ok() ? writer_->Publish() : status;
  }
  ReadSnapshot Read() { return ReadSnapshotFile(*files_.Read(SnapshotPath("d", 100))); }
  std::vector<std::string> Names() { return *files_.List("d"); }

  MemoryFileSystem files_;
  std::unique_ptr<SnapshotWriter> writer_;
  std::map<std::string, std::string> added_;
};

TEST_F(SnapshotWriterTest, HoldsWhatWasAdded) {
  Create();
  for (Lsn lsn = 1; lsn <= 1000; ++lsn) {
    const std::string key = "key" + std::to_string(lsn);
    const std::string value(lsn % 300, 'v');
    Image image = Register(key, value, lsn);
    image.deadline_ms = static_cast<int64_t>(lsn);
    Add(image, lsn);
    if (lsn % 77 == 0) {
      ASSERT_TRUE(writer_->Write().ok());
    }
  }
  ASSERT_TRUE(Finish().ok());
  const ReadSnapshot read = Read();
  EXPECT_EQ(read.header.covers, 100u);
  EXPECT_EQ(read.header.store_id, SomeHeader().store_id);
  EXPECT_EQ(read.records, added_);
  EXPECT_EQ(read.lsns.at("key77"), 77u);
  EXPECT_EQ(read.footer.highest_lsn, 1000u);
  EXPECT_EQ(read.footer.latest_deadline_ms, 1000);
  EXPECT_GT(read.footer.blocks, 2u);
  for (const SnapshotBlockHeader& block : read.blocks) {
    EXPECT_LE(block.payload_bytes, kSnapshotPayloadBytesMax);
  }
  const ManifestSnapshot& named = writer_->snapshot();
  EXPECT_EQ(named.covers, 100u);
  EXPECT_EQ(named.highest_lsn, 1000u);
  EXPECT_EQ(named.bytes, files_.Read(SnapshotPath("d", 100))->size());
  EXPECT_EQ(named.hash, read.blocks.back().hash);
  EXPECT_EQ(named.latest_deadline_ms, 1000);
  EXPECT_EQ(named.wall_ms, SomeHeader().wall_ms);
}

TEST_F(SnapshotWriterTest, AnEmptyOneReachesWhatItCovers) {
  Create();
  ASSERT_TRUE(Finish().ok());
  const ReadSnapshot read = Read();
  EXPECT_EQ(read.footer, (SnapshotFooter{0, 0, 100, 0, read.footer.chain}));
  EXPECT_EQ(writer_->snapshot().highest_lsn, 100u);
}

// Large values are shared until they are written, and stand in a block of their own.
TEST_F(SnapshotWriterTest, LargeValues) {
  Create();
  for (const size_t bytes : {4095u, 4096u, 65'536u, 300'000u}) {
    const BodyRef body(Body::New(std::string(bytes, 'b')));
    const std::string key = std::to_string(bytes);
    Image image = Register(key, body.get()->bytes());
    image.value_body = body.get();
    Add(image, bytes);
  }
  ASSERT_TRUE(Finish().ok());
  const ReadSnapshot read = Read();
  EXPECT_EQ(read.records, added_);
  EXPECT_EQ(read.footer.latest_deadline_ms, kNeverMs);
  for (const SnapshotBlockHeader& block : read.blocks) {
    EXPECT_TRUE(block.payload_bytes <= kSnapshotPayloadBytesMax || block.record_count == 1);
  }
}

TEST_F(SnapshotWriterTest, LeavesNothingBehindUnlessItIsPublished) {
  Create();
  Add(Register("k", "v"), 3);
  ASSERT_TRUE(writer_->Seal().ok());
  EXPECT_EQ(Names(), std::vector<std::string>{"snap-0000000000000100.snap.tmp"});
  writer_.reset();
  EXPECT_TRUE(Names().empty());
  Create();
  ASSERT_TRUE(Finish().ok());
  writer_.reset();
  EXPECT_EQ(Names(), std::vector<std::string>{"snap-0000000000000100.snap"});
}

// What it shows after any crash is durable: the verified bytes.
TEST_F(SnapshotWriterTest, PublishedIsSynced) {
  Create();
  Add(Register("k", "v"), 3);
  ASSERT_TRUE(Finish().ok());
  files_.Crash();
  EXPECT_EQ(Read().records, added_);
}

// Until a run needs no more calls than went well.
TEST_F(SnapshotWriterTest, EveryCallMayFail) {
  const std::string value(7000, 'v');
  absl::Status status = absl::UnknownError("none yet");
  int64_t nth = 0;
  for (int64_t calls = 1; nth < calls; ++nth) {
    const int64_t calls_before = files_.calls();
    files_.FailCall(nth + 1, absl::UnavailableError("broken"));
    added_.clear();
    auto writer = SnapshotWriter::Create(&files_, "d", SomeHeader());
    status = writer.status();
    if (status.ok()) {
      writer_ = *std::move(writer);
      for (Lsn lsn = 1; lsn <= 30; ++lsn) Add(Register("key" + std::to_string(lsn), value), lsn);
      status = Finish();
      writer_.reset();
    }
    calls = files_.calls() - calls_before;
    files_.FailCall(0, absl::OkStatus());
    for (const std::string& name : Names()) {
      EXPECT_EQ(name, "snap-0000000000000100.snap") << "after call " << nth + 1 << " failed";
      EXPECT_EQ(Read().records, added_) << "what stands under the final name is whole";
      EXPECT_TRUE(files_.Remove("d/" + name).ok());
    }
  }
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_GT(nth, 12);
}

// Any damage, wherever it is, is found when the file is read again.
TEST_F(SnapshotWriterTest, VerifierRefusesEveryFlippedBitAndEveryLength) {
  Create();
  for (Lsn lsn = 1; lsn <= 3; ++lsn) Add(Register("key" + std::to_string(lsn), "value"), lsn);
  ASSERT_TRUE(Finish().ok());
  const ManifestSnapshot wanted = writer_->snapshot();
  const std::string good = *files_.Read(SnapshotPath("d", 100));
  const auto verify = [&](const std::string& bytes, ManifestSnapshot named) {
    files_.Overwrite("d/copy", bytes);
    absl::StatusOr<SnapshotVerifier> verifier = SnapshotVerifier::Open(&files_, "d/copy", named);
    if (!verifier.ok()) return verifier.status();
    absl::StatusOr<bool> more = true;
    while (more.ok() && *more) more = verifier->Next();
    return more.status();
  };
  ASSERT_TRUE(verify(good, wanted).ok());
  for (size_t bit = 0; bit < good.size() * 8; bit += bit < kBlockBytes * 8 ? 13 : 1) {
    std::string flipped = good;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    ASSERT_TRUE(absl::IsDataLoss(verify(flipped, wanted))) << bit;
  }
  for (size_t length = 0; length < good.size(); length += 7) {
    EXPECT_TRUE(absl::IsDataLoss(verify(good.substr(0, length), wanted))) << length;
  }
  ManifestSnapshot longer = wanted;
  ++longer.bytes;
  EXPECT_TRUE(absl::IsDataLoss(verify(good + '\0', longer)));
  ManifestSnapshot other = wanted;
  ++other.hash;
  EXPECT_TRUE(absl::IsDataLoss(verify(good, other)));
}

}  // namespace
}  // namespace idem::engine
