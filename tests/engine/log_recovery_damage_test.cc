// Every kind of damage to the files of a small log. An open then shows the exact state, or an exact
// prefix that misses nothing known durable, or it refuses and changes nothing; never another state.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "log/log_format.h"
#include "tests/support/test_log.h"
#include "tests/support/test_size.h"

namespace idem::engine {
namespace {

using Files = std::map<std::string, std::string>;

struct State {
  Files files;
  std::map<Lsn, std::string> records;
  Lsn durable = 0;  // something in the files tells that all up to here was durable
};

void MakeSmall(TestLog& log) {
  log.options.segment_bytes = 24 << 10;
  log.options.policy.max_response_bytes = 64;
}

class LogRecoveryDamageTest : public testing::Test {
 protected:
  void SetUp() override {
    TestLog log;
    MakeSmall(log);
    ASSERT_TRUE(log.Open().ok());
    log.PrepareSegment();
    while (log.log->stats().spare_ready) AppendTwo(log);
    AppendTwo(log);
    rotated_ = {log.Files(), log.appended, log.LastAppended() - 2};
    log.PrepareSegment();
    prepared_ = {log.Files(), log.appended, log.LastAppended()};
    AppendTwo(log);
    killed_ = {log.Files(), log.appended, log.LastAppended() - 2};
    ASSERT_TRUE(log.log->Close().ok());
    stopped_ = {log.Files(), log.appended, log.LastAppended()};
  }

  static void AppendTwo(TestLog& log) {
    const std::string key = "key" + std::to_string(log.LastAppended());
    const std::vector<Image> images = {Register(key, "some value"), Register("key", key)};
    ASSERT_NE(log.Append(images), 0u);
    ASSERT_TRUE(log.Commit());
  }

  // Opens the files of `state`, but `name` holds `bytes`.
  void Check(const State& state, const std::string& name, std::string bytes) {
    Files files = state.files;
    files[name] = std::move(bytes);
    CheckFiles(state, files);
  }

  void CheckFiles(const State& state, const Files& files) {
    TestLog log;
    MakeSmall(log);
    log.TakeFiles(files);
    const absl::Status status = log.Open();
    if (!status.ok()) {
      ++refused_;
      EXPECT_TRUE(absl::IsDataLoss(status)) << status;
      EXPECT_NE(status.message().find("store/"), absl::string_view::npos) << status;
      EXPECT_TRUE(log.Files() == files) << "a refused open has changed a file";
      return;
    }
    EXPECT_GE(log.last_recovered, state.durable) << "lost without a word";
    const auto end = state.records.upper_bound(log.last_recovered);
    EXPECT_TRUE(log.recovered == Records(state.records.begin(), end)) << "another state";
    ++(end == state.records.end() ? exact_ : cut_);
  }

  // All places where bytes stand, and some where zeros do.
  template <typename Visit>
  void ForEachByte(const State& state, const Visit& visit) {
    const size_t stride = static_cast<size_t>(20 / TestSize(20));
    for (const auto& [name, contents] : state.files) {
      for (size_t at = 0; at < contents.size(); at += stride) {
        SCOPED_TRACE(name + " byte " + std::to_string(at));
        if (contents[at] != 0 || at % 509 == 0) visit(name, contents, at);
      }
    }
  }
  void InvertEveryByte(const State& state) {
    ForEachByte(state, [&](const std::string& name, std::string bytes, size_t at) {
      bytes[at] = static_cast<char>(~bytes[at]);
      Check(state, name, std::move(bytes));
    });
  }

  using Records = std::map<Lsn, std::string>;
  State rotated_;   // the log has gone on into the spare, and no manifest says so yet
  State prepared_;  // there is a new spare, and its manifest tells what was durable then
  State killed_;    // two segments and a new spare; the last batch is not proved durable
  State stopped_;   // the same after a clean stop: all is
  int refused_ = 0;
  int cut_ = 0;
  int exact_ = 0;
};

TEST_F(LogRecoveryDamageTest, TheFilesAreAsMeant) {
  EXPECT_EQ(rotated_.files.size(), 3u) << "a manifest, two segments";
  EXPECT_EQ(killed_.files.size(), 4u) << "and a spare";
  for (const State* state : {&rotated_, &prepared_, &killed_, &stopped_})
    CheckFiles(*state, state->files);
  EXPECT_EQ(exact_, 4);
}

// All bits where something stands; where zeros do, one bit of each byte, or, in a block of them, of
// some.
TEST_F(LogRecoveryDamageTest, EveryBitFlipped) {
  const size_t stride = static_cast<size_t>(20 / TestSize(20));
  for (const auto& [name, contents] : killed_.files) {
    for (size_t bit = 0; bit < contents.size() * 8; bit += stride) {
      const size_t at = bit / 8;
      const std::string_view block =
          std::string_view(contents).substr(at / kBlockBytes * kBlockBytes, kBlockBytes);
      if (contents[at] == 0 && at % (IsZero(block) ? 512 : 8) != bit % 8) continue;
      SCOPED_TRACE(name + " bit " + std::to_string(bit));
      std::string flipped = contents;
      flipped[at] = static_cast<char>(flipped[at] ^ (1 << bit % 8));
      Check(killed_, name, std::move(flipped));
    }
  }
  EXPECT_GT(refused_, cut_);
  EXPECT_GT(cut_, 0);
  EXPECT_GT(exact_, 0) << "where zeros stood";
}

TEST_F(LogRecoveryDamageTest, EveryByteAfterARotation) {
  InvertEveryByte(rotated_);
  EXPECT_GT(refused_, cut_);
}

TEST_F(LogRecoveryDamageTest, EveryByteAfterAManifest) {
  InvertEveryByte(prepared_);
  EXPECT_EQ(cut_, 0);
  EXPECT_GT(refused_, exact_);
}

// There is no doubt left: what is hit is refused, or was not needed.
TEST_F(LogRecoveryDamageTest, EveryByteAfterACleanStop) {
  InvertEveryByte(stopped_);
  EXPECT_EQ(cut_, 0);
  EXPECT_GT(refused_, exact_);
}

TEST_F(LogRecoveryDamageTest, EveryTruncationAndAByteTooMuch) {
  for (const State* state : {&rotated_, &prepared_, &killed_, &stopped_}) {
    const size_t stride = state == &killed_ ? static_cast<size_t>(20 / TestSize(20)) : 97;
    for (const auto& [name, contents] : state->files) {
      for (size_t length = 0; length < contents.size(); length += stride) {
        Check(*state, name, contents.substr(0, length));
      }
      Check(*state, name, contents + '\0');
    }
  }
  EXPECT_EQ(exact_ + cut_, 0) << "every file has the length it was made with";
}

TEST_F(LogRecoveryDamageTest, EveryPieceZeroed) {
  for (const State* state : {&rotated_, &prepared_, &killed_, &stopped_}) {
    for (const auto& [name, contents] : state->files) {
      for (size_t at = 0; at < contents.size(); at += 256) {
        for (const size_t length : {512ul, kBlockBytes - at % kBlockBytes, contents.size() - at}) {
          std::string zeroed = contents;
          const size_t fits = std::min(length, contents.size() - at);
          zeroed.replace(at, fits, fits, '\0');
          // Zeros up to the end are what a log looks like that was never written so far.
          if (length < contents.size() - at || name == "MANIFEST") Check(*state, name, zeroed);
        }
      }
    }
  }
  EXPECT_GT(refused_, 0);
  EXPECT_GT(exact_, 0);
}

TEST_F(LogRecoveryDamageTest, EveryTwoBlocksSwappedOrOneCopiedOverAnother) {
  std::vector<std::pair<std::string, size_t>> blocks;
  for (const auto& [name, contents] : killed_.files) {
    if (name == "MANIFEST") continue;
    for (size_t at = 0; at < contents.size(); at += kBlockBytes) blocks.push_back({name, at});
  }
  for (const auto& [to, to_at] : blocks) {
    for (const auto& [from, from_at] : blocks) {
      Files files = killed_.files;
      files[to].replace(to_at, kBlockBytes, killed_.files[from], from_at, kBlockBytes);
      CheckFiles(killed_, files);
      files[from].replace(from_at, kBlockBytes, killed_.files[to], to_at, kBlockBytes);
      CheckFiles(killed_, files);
    }
  }
  EXPECT_GT(refused_, exact_);
}

// Blocks of a store that did the same: only its name, salts and hashes are others.
TEST_F(LogRecoveryDamageTest, EveryBlockFromAnotherStore) {
  const Files others = killed_.files;
  SetUp();
  for (const auto& [name, contents] : others) {
    for (size_t at = 0; at < contents.size(); at += kBlockBytes) {
      std::string mixed = killed_.files[name];
      Check(killed_, name, mixed.replace(at, kBlockBytes, contents, at, kBlockBytes));
    }
    Check(killed_, name, contents);
  }
  EXPECT_GT(refused_, 10);
}

}  // namespace
}  // namespace idem::engine
