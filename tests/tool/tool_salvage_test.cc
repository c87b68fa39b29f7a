// idem-tool salvage: what survives, what is told to be lost, what it refuses. The salvaged store is
// opened by the engine itself.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/support/key_state.h"
#include "tests/support/run_tool.h"
#include "tests/support/test_log.h"

namespace idem::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

class ToolSalvageTest : public LogTest {
 protected:
  using Files = std::map<std::string, std::string>;

  ToolRun Salvage(const char* how, const char* aside = "aside") {
    return RunToolOn(&test_.files, {"salvage", "store", how, "--aside", aside});
  }
  // Batches of one register each, "key<i>" at LSN i + 1; a block each. Then a kill.
  void MakeLog(int batches) {
    Open();
    for (int i = 0; i < batches; ++i) AppendOne(i);
    test_.Kill();
  }
  void AppendOne(int i) {
    ASSERT_NE(test_.Append(Register("key" + std::to_string(i), "value")), 0u);
    ASSERT_TRUE(test_.Commit());
  }
  void Flip(const std::string& name, size_t offset) {
    std::string bytes = test_.Files()[name];
    bytes[offset] ^= 1;
    test_.Damage(name, bytes);
  }
  // The keys that an open shows.
  std::vector<std::string> Keys() {
    opened_ = OpenKeys(test_.options);
    EXPECT_TRUE(opened_.status.ok()) << opened_.status;
    std::vector<std::string> keys;
    for (const auto& [key, record] : opened_.keys) keys.push_back(key);
    return keys;
  }
  static constexpr size_t BatchAt(size_t i) { return (i + 1) * kBlockBytes; }

  OpenedKeys opened_;
};

TEST_F(ToolSalvageTest, CutKeepsWhatStandsBeforeTheDamage) {
  MakeLog(5);
  const std::string name = test_.Segments().front();
  Flip(name, BatchAt(2) + 80);
  const Files damaged = test_.Files();
  const ToolRun run = Salvage("--cut");
  EXPECT_EQ(run.code, kClean) << run.errors;
  EXPECT_THAT(run.out, HasSubstr("lost: records 3 .. 5\n"));
  EXPECT_THAT(run.out, HasSubstr("salvaged: 2 keys"));
  EXPECT_EQ(RunToolOn(&test_.files, {"check", "store"}).code, kClean);
  EXPECT_EQ(Keys(), (std::vector<std::string>{"key0", "key1"}));
  EXPECT_EQ(opened_.log->stats().salvages, 1u);
  EXPECT_EQ(opened_.log->stats().epoch, 3u) << "raised by the salvage, and by the open";
  EXPECT_GT(opened_.log->stats().appended, 4u) << "no LSN is used again";
  for (const auto& [file, bytes] : damaged) EXPECT_EQ(*test_.files.Read("aside/" + file), bytes);
}

TEST_F(ToolSalvageTest, SkipKeepsWhatStandsBehindTheDamageToo) {
  MakeLog(5);
  const std::string name = test_.Segments().front();
  Flip(name, BatchAt(1) + 80);  // in the records
  Flip(name, BatchAt(3) + 20);  // in a batch header
  const ToolRun run = Salvage("--skip");
  EXPECT_EQ(run.code, kClean) << run.errors;
  EXPECT_THAT(run.out, HasSubstr("lost: records 2 .. 2\nlost: records 4 .. 4\nsalvaged: 3 keys"));
  EXPECT_EQ(Keys(), (std::vector<std::string>{"key0", "key2", "key4"}));
}

TEST_F(ToolSalvageTest, ASalvagedStoreGoesOnAndRemembers) {
  MakeLog(3);
  Flip(test_.Segments().front(), BatchAt(1) + 80);
  ASSERT_EQ(Salvage("--skip").code, kClean);
  opened_ = OpenKeys(test_.options);
  ASSERT_TRUE(opened_.status.ok());
  const Image later = Register("later", "value");
  ASSERT_EQ(opened_.log->Reserve(100), Log::Room::kGranted);
  ASSERT_TRUE(opened_.log->WaitCommitted(opened_.log->Append({&later, 1})).ok());
  opened_.log->Release(100);
  opened_.log.reset();
  test_.files.Crash();
  EXPECT_EQ(Keys(), (std::vector<std::string>{"key0", "key2", "later"}));
  EXPECT_EQ(opened_.log->stats().salvages, 1u);
}

TEST_F(ToolSalvageTest, RemovalsStayRemovals) {
  Open();
  AppendOne(0);
  Image removal;
  removal.key = "key0";
  removal.token = 1;
  ASSERT_NE(test_.Append(removal), 0u);
  ASSERT_TRUE(test_.Commit());
  for (int i = 1; i < 4; ++i) AppendOne(i);
  test_.Kill();
  Flip(test_.Segments().front(), BatchAt(3) + 80);
  ASSERT_EQ(Salvage("--skip").code, kClean);
  EXPECT_EQ(Keys(), (std::vector<std::string>{"key1", "key3"}));
}

TEST_F(ToolSalvageTest, TheManifestMayBeDamagedOrMissing) {
  for (const bool missing : {false, true}) {
    MakeLog(4);
    if (missing) {
      ASSERT_TRUE(test_.files.Remove("store/MANIFEST").ok());
    } else {
      Flip("MANIFEST", 40);
    }
    const ToolRun run = Salvage("--cut", missing ? "aside2" : "aside");
    EXPECT_EQ(run.code, kClean) << run.errors;
    EXPECT_THAT(run.out, Not(HasSubstr("lost: ")));
    EXPECT_EQ(Keys(), (std::vector<std::string>{"key0", "key1", "key2", "key3"}));
    opened_.log.reset();
    for (const auto& [name, bytes] : test_.Files()) {
      ASSERT_TRUE(test_.files.Remove("store/" + name).ok());
    }
  }
}

TEST_F(ToolSalvageTest, ASegmentMayBeMissingOrWithoutItsHeader) {
  Open();
  test_.PrepareSegment();
  FillUntilRotated();
  const Lsn before = log_->committed();
  AppendOne(1'000'000);
  test_.PrepareSegment();
  AppendOne(1'000'001);
  test_.Kill();
  const std::vector<std::string> names = test_.Segments();
  const Files files = test_.Files();
  Flip(names[1], 200);
  ASSERT_EQ(Salvage("--skip").code, kClean);
  EXPECT_EQ(Keys().size(), before + 2) << "the manifest has its salt";
  opened_.log.reset();
  for (const auto& [name, bytes] : test_.Files())
    ASSERT_TRUE(test_.files.Remove("store/" + name).ok());
  test_.TakeFiles(files);
  ASSERT_TRUE(test_.files.Remove("store/" + names[0]).ok());
  const ToolRun run = Salvage("--skip", "aside2");
  EXPECT_EQ(run.code, kClean) << run.errors;
  EXPECT_THAT(run.out, HasSubstr("lost: records 1 .. " + std::to_string(before - 1)));
  EXPECT_THAT(run.out, HasSubstr(names[0]));
  EXPECT_EQ(Keys().size(), 3u);
}

// What an open has cut once stands in the old segment still, under LSNs that were given again.
TEST_F(ToolSalvageTest, WhatWasCutBeforeDoesNotComeBack) {
  Open(Durability::kInterval);
  for (int i = 0; i < 10; ++i) ASSERT_NE(test_.AppendSome(4000), 0u);
  ASSERT_TRUE(test_.Commit());
  test_.clock.Advance(2000);
  test_.StepAll(Store::StepKind::kCommit);
  for (const char* const key : {"torn", "behind it", "and behind"}) {
    ASSERT_NE(test_.Append(Register(key, "value")), 0u);
    ASSERT_TRUE(test_.Commit());
  }
  test_.Kill();
  const std::string name = test_.Segments().front();
  Flip(name, test_.Files()[name].find("torn"));
  Open(Durability::kInterval);
  ASSERT_EQ(log_->stats().torn_tails_cut, 1u);
  test_.ForgetTheLost();
  ASSERT_NE(test_.Append(Register("new", "value")), 0u);
  ASSERT_TRUE(test_.Commit());
  test_.Kill();
  ASSERT_EQ(test_.Segments().front(), name) << "the old segment is kept";
  ASSERT_TRUE(test_.files.Remove("store/MANIFEST").ok());
  ASSERT_EQ(Salvage("--skip").code, kClean);
  const std::vector<std::string> keys = Keys();
  EXPECT_EQ(keys.size(), 11u);
  EXPECT_EQ(keys.back(), "new") << "and neither of those that were cut";
}

TEST_F(ToolSalvageTest, RefusesAndChangesNothing) {
  MakeLog(3);
  const auto refused = [](const ToolRun& run, int code, const char* why) {
    EXPECT_EQ(run.code, code);
    EXPECT_THAT(run.errors, HasSubstr(why));
  };
  const Files healthy = test_.Files();
  refused(Salvage("--cut"), kCannotRead, "is healthy");
  Flip(test_.Segments().front(), BatchAt(2) + 80);
  refused(Salvage("--cut"), kCannotRead, "a torn tail");
  Flip(test_.Segments().front(), BatchAt(1) + 80);
  const Files damaged = test_.Files();
  refused(Salvage("--cut", "store"), kCannotRead, "must be empty");
  refused(RunToolOn(&test_.files, {"salvage", "store", "--cut"}), kUsage, "--aside");
  refused(RunToolOn(&test_.files, {"salvage", "store", "--aside", "a"}), kUsage, "--cut or --skip");
  refused(RunToolOn(&test_.files, {"salvage", "store", "--cut", "--skip", "--aside", "a"}), kUsage,
          "--cut or --skip");
  refused(RunToolOn(&test_.files, {"salvage", "nowhere", "--cut", "--aside", "a"}), kCannotRead,
          "");
  {
    const auto lock = test_.files.Lock("store/LOCK", "idem pid 7");
    ASSERT_TRUE(lock.ok());
    refused(Salvage("--cut"), kCannotRead, "held by idem pid 7");
  }
  EXPECT_TRUE(test_.Files() == damaged);
  Flip(test_.Segments().front(), BatchAt(0) + 80);
  refused(Salvage("--cut"), kDamaged, "--skip may find something");
}

// Whatever fails and wherever it is cut off: the store is as damaged as before, or salvaged.
TEST_F(ToolSalvageTest, EveryFailingCallLeavesTheOldStoreOrTheNew) {
  MakeLog(4);
  Flip(test_.Segments().front(), BatchAt(2) + 80);
  const Files damaged = test_.Files();
  int done = 0;
  for (int64_t nth = 1;; ++nth) {
    TestLog test;
    test.TakeFiles(damaged);
    ASSERT_TRUE(test.files.CreateDirectory("store").ok());
    test.files.FailCall(nth, broken_, /*keep_failing=*/true);
    const int64_t calls = test.files.calls();
    const ToolRun run = RunToolOn(&test.files, {"salvage", "store", "--skip", "--aside", "aside"});
    const bool all = test.files.calls() - calls < nth;
    test.files.FailCall(0, absl::OkStatus());
    test.files.Kill();
    const OpenedKeys opened = OpenKeys(test.options);
    if (opened.status.ok()) {
      ++done;
      EXPECT_EQ(opened.log->stats().salvages, 1u);
      EXPECT_EQ(opened.keys.size(), 3u) << nth;
    } else {
      EXPECT_NE(run.code, kClean) << nth;
      for (const auto& [name, bytes] : damaged) EXPECT_TRUE(test.Files()[name] == bytes) << nth;
    }
    if (all) break;
    ASSERT_LT(nth, 1000);
  }
  EXPECT_GT(done, 0);
}

}  // namespace
}  // namespace idem::engine
