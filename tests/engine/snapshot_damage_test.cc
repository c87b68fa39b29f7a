// Every kind of damage to a small store with two snapshots. An open then shows a state that the
// store once had and that misses nothing known durable, or it refuses and changes nothing. One
// damaged snapshot alone is harmless.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/store_with_snapshots.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

using Files = StoreWithSnapshots::Files;

bool IsSnapshot(const std::string& name) { return name.ends_with(".snap"); }

class SnapshotDamageTest : public testing::Test {
 protected:
  void Check(const std::string& name, std::string bytes) {
    Files files = files_;
    files[name] = std::move(bytes);
    CheckFiles(files);
  }

  void CheckFiles(const Files& files) {
    switch (store_.Check(files)) {
      case StoreWithSnapshots::Opened::kRefused:
        ++refused_;
        break;
      case StoreWithSnapshots::Opened::kCut:
        ++cut_;
        break;
      case StoreWithSnapshots::Opened::kExact:
        ++exact_;
    }
  }

  template <typename Visit>
  void ForEachSnapshot(const Visit& visit) {
    for (const auto& [name, contents] : files_) {
      if (IsSnapshot(name)) visit(name, contents);
    }
  }
  void ExpectAllExact(const char* why) {
    EXPECT_EQ(refused_ + cut_, 0) << why;
    EXPECT_GT(exact_, 0);
  }

  const StoreWithSnapshots store_;
  const Files files_ = store_.files();
  int refused_ = 0;
  int cut_ = 0;
  int exact_ = 0;
};

TEST_F(SnapshotDamageTest, TheFilesAreAsMeant) {
  EXPECT_EQ(std::count_if(files_.begin(), files_.end(),
                          [](const auto& file) { return IsSnapshot(file.first); }),
            2);
  CheckFiles(files_);
  ExpectAllExact("nothing was damaged");
}

// All bits where something stands; where zeros do, one bit of each byte.
TEST_F(SnapshotDamageTest, EveryBitOfASnapshotFlipped) {
  const size_t stride = static_cast<size_t>(20 / TestSize(20));
  ForEachSnapshot([&](const std::string& name, const std::string& contents) {
    for (size_t bit = 0; bit < contents.size() * 8; bit += stride) {
      if (contents[bit / 8] == 0 && bit % 8 != bit / 8 % 8) continue;
      SCOPED_TRACE(name + " bit " + std::to_string(bit));
      std::string flipped = contents;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      Check(name, std::move(flipped));
    }
  });
  ExpectAllExact("the other snapshot is whole");
}

TEST_F(SnapshotDamageTest, EveryBitOfTheManifestAndEveryByteOfTheLogBehindFlipped) {
  const size_t stride = static_cast<size_t>(20 / TestSize(20));
  for (const auto& [name, contents] : files_) {
    if (IsSnapshot(name)) continue;
    for (size_t bit = 0; bit < contents.size() * 8; bit += stride) {
      const bool wanted = contents[bit / 8] != 0 && (name == "MANIFEST" || bit % 8 == bit / 8 % 8);
      if (!wanted) continue;
      SCOPED_TRACE(name + " bit " + std::to_string(bit));
      std::string flipped = contents;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
      Check(name, std::move(flipped));
    }
  }
  EXPECT_GT(refused_, 0);
}

TEST_F(SnapshotDamageTest, EveryTruncationOfASnapshotAndAByteTooMuch) {
  const size_t stride = static_cast<size_t>(20 / TestSize(20));
  ForEachSnapshot([&](const std::string& name, const std::string& contents) {
    for (size_t length = 0; length < contents.size(); length += stride) {
      Check(name, contents.substr(0, length));
    }
    Check(name, contents + '\0');
  });
  ExpectAllExact("the other snapshot is whole");
}

TEST_F(SnapshotDamageTest, EveryPieceZeroedOrDoubledOrSwapped) {
  ForEachSnapshot([&](const std::string& name, const std::string& contents) {
    for (size_t at = 0; at < contents.size(); at += 64) {
      const size_t length = std::min<size_t>(64, contents.size() - at);
      std::string changed = contents;
      Check(name, changed.replace(at, length, length, '\0'));
      changed = contents;
      Check(name, changed.insert(at, contents, at, length));
      changed = contents;
      if (at >= 64) std::swap_ranges(&changed[at], &changed[at] + length, changed.data());
      Check(name, changed);
    }
  });
  ExpectAllExact("the other snapshot is whole");
}

TEST_F(SnapshotDamageTest, AMissingOneAndOneUnderTheOthersName) {
  ForEachSnapshot([&](const std::string& name, const std::string& contents) {
    Files files = files_;
    files.erase(name);
    CheckFiles(files);
    ForEachSnapshot([&](const std::string& other, const std::string&) { Check(other, contents); });
  });
  ExpectAllExact("the other snapshot is whole");
}

TEST_F(SnapshotDamageTest, OneOfAnotherStore) {
  const Files others = StoreWithSnapshots().files();
  for (const auto& [name, contents] : others) {
    if (IsSnapshot(name)) Check(name, contents);
  }
  ExpectAllExact("the other snapshot is whole");
}

// The log does not reach back to its beginning, or if it does, all is there.
TEST_F(SnapshotDamageTest, BothDamaged) {
  Files files = files_;
  for (auto& [name, contents] : files) {
    if (IsSnapshot(name)) contents[contents.size() / 2] ^= 1;
  }
  CheckFiles(files);
  EXPECT_EQ(cut_, 0);
}

}  // namespace
}  // namespace idem::engine
