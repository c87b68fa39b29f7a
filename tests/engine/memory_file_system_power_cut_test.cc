// Power cuts that leave any part of what was not synced.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "tests/support/memory_file_system_fixture.h"

namespace idem {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

constexpr size_t kBlock = 4096;
constexpr size_t kSector = 512;

class MemoryFileSystemPowerCutTest : public MemoryFileSystemFixture {
 protected:
  // Every outcome of a power cut now, as `tell` tells it, of all choices that can be made.
  template <typename Tell>
  std::set<std::string> Outcomes(const Tell& tell) const {
    std::set<std::string> outcomes;
    std::vector<uint64_t> choices;  // of the run that comes next; 0 behind its end
    do {
      const std::unique_ptr<MemoryFileSystem> fork = fs_.Fork();
      std::vector<uint64_t> limits;
      fork->Crash([&](uint64_t n) {
        limits.push_back(n);
        choices.resize(std::max(choices.size(), limits.size()));
        return choices[limits.size() - 1];
      });
      outcomes.insert(tell(*fork));
      choices.resize(limits.size());
      while (!choices.empty() && choices.back() + 1 == limits[choices.size() - 1]) {
        choices.pop_back();
      }
      if (!choices.empty()) ++choices.back();
    } while (!choices.empty());
    return outcomes;
  }
  // One letter for the first byte of each sector, '.' for zeros.
  static std::string Sectors(const std::string& contents) {
    std::string letters;
    for (size_t at = 0; at < contents.size(); at += kSector) {
      letters += contents[at] == '\0' ? '.' : contents[at];
    }
    return letters;
  }
  std::set<std::string> OutcomesOf(const std::string& path) const {
    return Outcomes([&](const MemoryFileSystem& fs) { return Sectors(*fs.Read(path)); });
  }
  static std::string NamesIn(MemoryFileSystem& fs) {
    std::string names;
    const std::vector<std::string> listed = fs.List("d").value();
    for (const std::string& name : listed) names += name + "=" + *fs.Read("d/" + name) + " ";
    return names;
  }
  std::set<std::string> OutcomesOfNames() const {
    return Outcomes([](MemoryFileSystem& fs) { return NamesIn(fs); });
  }
};

TEST_F(MemoryFileSystemPowerCutTest, EachBlockIsOldOrNewOrTornAtASector) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", std::string(kBlock, 'a'));
  Write(*file, 0, std::string(kBlock, 'b'));
  const std::set<std::string> outcomes = OutcomesOf("d/f");
  EXPECT_EQ(outcomes.size(), 2 + 2 * 7);
  EXPECT_TRUE(outcomes.contains("aaaaaaaa") && outcomes.contains("bbbbbbbb"));
  EXPECT_TRUE(outcomes.contains("abbbbbbb") && outcomes.contains("bbbbbbba"));
}

TEST_F(MemoryFileSystemPowerCutTest, BlocksAreLeftEachByItself) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", std::string(2 * kBlock, 'a'));
  Write(*file, 0, std::string(2 * kBlock, 'b'));
  const std::set<std::string> outcomes = OutcomesOf("d/f");
  EXPECT_EQ(outcomes.size(), 16 * 16);
  EXPECT_TRUE(outcomes.contains("aaaaaaaabbbbbbbb") && outcomes.contains("bbbbbbbbaaaaaaaa"));
}

TEST_F(MemoryFileSystemPowerCutTest, ABlockMayHoldWhatItHeldBetweenTwoWrites) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", std::string(kBlock, 'a'));
  Write(*file, 0, std::string(kSector, 'b'));
  Write(*file, 0, std::string(2 * kSector, 'c'));
  EXPECT_THAT(OutcomesOf("d/f"), UnorderedElementsAre("aaaaaaaa", "baaaaaaa", "ccaaaaaa",
                                                      "caaaaaaa", "acaaaaaa", "bcaaaaaa"));
}

TEST_F(MemoryFileSystemPowerCutTest, ASyncEndsTheChoice) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", std::string(kBlock, 'a'));
  Write(*file, 0, std::string(kBlock, 'b'));
  Sync(*file);
  EXPECT_THAT(OutcomesOf("d/f"), ElementsAre("bbbbbbbb"));
}

TEST_F(MemoryFileSystemPowerCutTest, ADurableWriteIsThereAndLeavesTheRestToChance) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", std::string(4 * kSector, 'a'));
  Write(*file, 0, std::string(kSector, 'b'));
  ASSERT_EQ(file->WriteDurably(2 * kSector, std::string(kSector, 'c')), absl::OkStatus());
  EXPECT_THAT(OutcomesOf("d/f"), UnorderedElementsAre("aaca", "baca"));
  ASSERT_EQ(file->WriteDurably(0, std::string(4 * kSector, 'd')), absl::OkStatus());
  ASSERT_EQ(file->WriteDurably(0, std::string(kSector, 'e')), absl::OkStatus());
  EXPECT_THAT(OutcomesOf("d/f"), ElementsAre("eddd"));
}

TEST_F(MemoryFileSystemPowerCutTest, WhatAFailedSyncLeftMayBeThereOrNot) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", std::string(kSector, 'a'));
  Write(*file, 0, std::string(kSector, 'b'));
  fs_.FailCall(1, error_);
  EXPECT_EQ(file->Sync(), error_);
  Sync(*file);
  EXPECT_THAT(OutcomesOf("d/f"), ElementsAre("a", "b"));
}

TEST_F(MemoryFileSystemPowerCutTest, SizesAndContentsComeEachByItself) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", std::string(kSector, 'a'));
  Write(*file, kSector, std::string(kSector, 'b'));
  EXPECT_THAT(OutcomesOf("d/f"), UnorderedElementsAre("a", "a.", "ab"));
}

TEST_F(MemoryFileSystemPowerCutTest, BehindTheEndThereAreZeros) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "a");
  Write(*file, kSector, std::string(kSector, 'b'));
  fs_.Crash([choices = 0](uint64_t n) mutable { return choices++ == 0 ? 0 : n - 1; });
  EXPECT_EQ(Contents("d/f"), "a");
  Write(*Open("d/f", OpenMode::kReadWrite), 2 * kSector, "c");
  EXPECT_EQ(Sectors(Contents("d/f")), "a.c");
}

TEST_F(MemoryFileSystemPowerCutTest, EntriesComeAndGoEachByItself) {
  CreateOnDisk("d/f", "f");
  Sync(*Create("d/g", "g"));
  EXPECT_EQ(fs_.Remove("d/f"), absl::OkStatus());
  EXPECT_THAT(OutcomesOfNames(), UnorderedElementsAre("", "f=f ", "g=g ", "f=f g=g "));
  SyncDirectory("d");
  EXPECT_THAT(OutcomesOfNames(), ElementsAre("g=g "));
}

TEST_F(MemoryFileSystemPowerCutTest, ARenameIsDoneOrNot) {
  CreateOnDisk("d/f", "f");
  CreateOnDisk("d/g", "g");
  EXPECT_EQ(fs_.Rename("d/g", "d/f"), absl::OkStatus());
  EXPECT_THAT(OutcomesOfNames(), UnorderedElementsAre("f=g ", "f=f g=g "));
}

TEST_F(MemoryFileSystemPowerCutTest, ARenameMayComeBeforeTheContents) {
  CreateOnDisk("d/f", "f");
  Create("d/g", "g");
  EXPECT_EQ(fs_.Rename("d/g", "d/f"), absl::OkStatus());
  EXPECT_TRUE(OutcomesOfNames().contains("f= "));
}

TEST_F(MemoryFileSystemPowerCutTest, ASeedMakesTheSameChoicesAgain) {
  Create("d/f", std::string(20 * kBlock, 'a'));
  SyncDirectory("d");
  std::set<std::string> outcomes;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const std::unique_ptr<MemoryFileSystem> once = fs_.Fork();
    const std::unique_ptr<MemoryFileSystem> again = fs_.Fork();
    once->Crash(seed);
    again->Crash(seed);
    EXPECT_EQ(*once->Read("d/f"), *again->Read("d/f"));
    outcomes.insert(*once->Read("d/f"));
  }
  EXPECT_GT(outcomes.size(), 20u);
}

TEST_F(MemoryFileSystemPowerCutTest, AForkGoesItsOwnWay) {
  const std::unique_ptr<File> file = CreateOnDisk("d/f", "aaaa");
  Write(*file, 0, "bb");
  const std::unique_ptr<DirectoryLock> lock = fs_.Lock("d/LOCK", "me").value();
  const std::unique_ptr<MemoryFileSystem> fork = fs_.Fork();
  EXPECT_TRUE(fork->Lock("d/LOCK", "you").ok());
  Write(*file, 0, "cc");
  EXPECT_EQ(*fork->Read("d/f"), "bbaa");
  EXPECT_EQ(fork->Remove("d/f"), absl::OkStatus());
  EXPECT_EQ(Contents("d/f"), "ccaa");
  const std::unique_ptr<MemoryFileSystem> cut = fs_.Fork();
  cut->Crash();
  EXPECT_EQ(*cut->Read("d/f"), "aaaa");
}

}  // namespace
}  // namespace idem
