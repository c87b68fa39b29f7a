// Segments made by hand, with right hashes and wrong contents.
#include "log/log_reader.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "idem/memory_file_system.h"
#include "log/segment.h"

namespace idem::engine {
namespace {

class LogReaderTest : public testing::Test {
 protected:
  void SetUp() override {
    segment_.number = 7;
    segment_.salt = 99;
    segment_.file_bytes = 32 << 10;
    Start(kBlockAlignment);
  }

  void Start(uint32_t alignment) {
    SegmentHeader header;
    header.number = segment_.number;
    header.salt = segment_.salt;
    header.file_bytes = segment_.file_bytes;
    header.first_lsn = 10;
    header.alignment = alignment;
    bytes_.assign(segment_.file_bytes, '\0');
    chain_ = EncodeSegmentHeader(header, bytes_.data());
    next_ = BatchHeader{};
    next_.segment_number = segment_.number;
    next_.first_lsn = 10;
    next_.record_count = 2;
    next_.durable_upto = 9;
  }

  // Puts next_ with `payload` at `offset`, and makes it point behind itself.
  void Put(uint64_t offset, const std::string& payload) {
    next_.chain = chain_;
    next_.payload_bytes = static_cast<uint32_t>(payload.size());
    PutAsIs(offset, payload);
    chain_ = next_.hash;
    next_.first_lsn += next_.record_count;
    next_.durable_upto = next_.first_lsn - 1;
  }
  void PutAsIs(uint64_t offset, const std::string& payload) {
    next_.payload_hash = Checksum(segment_.salt, payload);
    EncodeBatchHeader(next_, segment_.salt, bytes_.data() + offset);
    bytes_.replace(offset + kBatchHeaderBytes, payload.size(), payload);
  }

  SegmentReader Open() {
    files_.Overwrite(SegmentPath("d", segment_.number), bytes_);
    return SegmentReader::Open(&files_, "d", segment_).value();
  }
  // The payloads up to the first place where no valid batch stands.
  std::vector<std::string> Payloads() {
    SegmentReader reader = Open();
    std::vector<std::string> payloads;
    while (true) {
      const auto batch = reader.Next();
      if (!batch.ok() || !batch->has_value()) return payloads;
      payloads.emplace_back((*batch)->block.records);
    }
  }

  MemoryFileSystem files_;
  ManifestSegment segment_;
  std::string bytes_;
  BatchHeader next_;
  uint64_t chain_ = 0;
};

using Strings = std::vector<std::string>;

TEST_F(LogReaderTest, ReadsBatchesInOrder) {
  Put(4096, "one");
  Put(8192, std::string(4096 - 72, 'x'));
  Put(12'288, std::string(5000, 'y'));
  Put(20'480, "four");
  EXPECT_EQ(Payloads(),
            (Strings{"one", std::string(4096 - 72, 'x'), std::string(5000, 'y'), "four"}));
}

TEST_F(LogReaderTest, ABatchMayFillTheFileToItsLastByte) {
  const std::string payload(segment_.file_bytes - 4096 - 72, 'x');
  Put(4096, payload);
  EXPECT_EQ(Payloads(), Strings{payload});
  SegmentReader reader = Open();
  ASSERT_TRUE(reader.Next().ok());
  EXPECT_FALSE(reader.Next()->has_value());
  EXPECT_TRUE(reader.ReadRemains()->zero);
}

TEST_F(LogReaderTest, DenseBatchesStandAtTheNextPlaceOrTheNextBlock) {
  Start(kDenseAlignment);
  Put(4096, "one");
  Put(4096 + 128, "two");
  Put(8192, "after a sync");
  Put(8192 + 128, "four");
  EXPECT_EQ(Payloads(), (Strings{"one", "two", "after a sync", "four"}));
}

TEST_F(LogReaderTest, EndsWhereABatchDoesNotFollow) {
  const auto wrong = [this](auto change) {
    SetUp();
    Put(4096, "one");
    next_.chain = chain_;
    next_.payload_bytes = 3;
    change();
    PutAsIs(8192, "two");
    return Payloads() == Strings{"one"};
  };
  EXPECT_FALSE(wrong([] {}));
  EXPECT_TRUE(wrong([this] { next_.chain ^= 1; }));
  EXPECT_TRUE(wrong([this] { ++next_.first_lsn; }));
  EXPECT_TRUE(wrong([this] { --next_.first_lsn; }));
  EXPECT_TRUE(wrong([this] { next_.segment_number = 8; }));
  EXPECT_TRUE(wrong([this] { next_.record_count = 0; }));
  EXPECT_TRUE(wrong([this] { next_.payload_bytes = 0; }));
  EXPECT_TRUE(wrong([this] { next_.payload_bytes = 4; }));
  EXPECT_TRUE(wrong([this] { next_.payload_bytes = 0xffffffff; }));
}

TEST_F(LogReaderTest, RefusesABatchOfAnUnknownKind) {
  next_.kind = static_cast<BatchKind>(3);
  Put(4096, "one");
  SegmentReader reader = Open();
  EXPECT_TRUE(absl::IsFailedPrecondition(reader.Next().status()));
}

TEST_F(LogReaderTest, FindsProofsBehindTheEnd) {
  Put(4096, "one");
  Put(8192, "two");
  Put(12'288, "three");
  bytes_[4096 + 8] ^= 1;
  SegmentReader reader = Open();
  EXPECT_FALSE(reader.Next()->has_value());
  const SegmentReader::Remains remains = reader.ReadRemains().value();
  EXPECT_FALSE(remains.zero);
  EXPECT_EQ(remains.durable_upto, 13u);
  EXPECT_EQ(remains.offset, 12'288u);
}

// Records of 1 MiB and more, and headers at the edges of what is read at once.
TEST_F(LogReaderTest, FindsProofsInLargeFiles) {
  segment_.file_bytes = 4 << 20;
  Start(kDenseAlignment);
  for (uint64_t at = 4096; at + 64 * 1021 < segment_.file_bytes; at += 64 * 1021) {
    SCOPED_TRACE(at);
    Start(kDenseAlignment);
    next_.first_lsn = 500;
    Put(at, "lonely");
    next_.first_lsn = 600;
    SegmentReader reader = Open();
    EXPECT_EQ(reader.ReadRemains()->durable_upto, 9u);
    EXPECT_EQ(reader.ReadRemains()->offset, at);
  }
  Start(kBlockAlignment);
  const std::string large((2 << 20) + 5, 'x');
  Put(4096, large);
  EXPECT_EQ(Payloads(), Strings{large});
}

}  // namespace
}  // namespace idem::engine
