// The subcommands that change no store: what they say, with which exit code, and that they leave
// every file as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "log/manifest.h"
#include "tests/support/run_tool.h"
#include "tests/support/test_log.h"
#include "tool/store_copier.h"

namespace idem::engine {
namespace {

using testing::HasSubstr;
using testing::Not;

class ToolReadingTest : public LogTest {
 protected:
  ToolRun Run(std::initializer_list<const char*> words) {
    const auto before = test_.Files();
    const ToolRun run = RunToolOn(&test_.files, words);
    EXPECT_TRUE(test_.Files() == before) << "the store was changed";
    return run;
  }
  // Three batches, then the end of the process.
  void MakeLog() {
    Open();
    for (const char* const key : {"first", "second", "third"}) {
      ASSERT_NE(test_.Append(Register(key, "secret " + std::string(key))), 0u);
      ASSERT_TRUE(test_.Commit());
    }
    test_.Kill();
    name_ = test_.Segments().front();
  }
  void Flip(size_t offset) {
    std::string bytes = test_.Files()[name_];
    bytes[offset] ^= 1;
    test_.Damage(name_, bytes);
  }

  std::string name_;
};

TEST_F(ToolReadingTest, CheckTellsEveryFileAndThatItIsClean) {
  MakeLog();
  const ToolRun run = Run({"check", "store"});
  EXPECT_EQ(run.code, kClean) << run.errors;
  EXPECT_THAT(run.out, HasSubstr("MANIFEST "));
  EXPECT_THAT(run.out, HasSubstr(name_ + "    in use: records 1 .. 3 in 3 batches"));
  EXPECT_THAT(run.out, HasSubstr(", then zeros\n"));
  EXPECT_THAT(run.out, HasSubstr("\nclean: all records up to 3 can be read\n"));
}

TEST_F(ToolReadingTest, CheckTellsATornTailWithFileAndOffset) {
  MakeLog();
  Flip(3 * kBlockBytes + 80);
  const ToolRun run = Run({"check", "store/"});
  EXPECT_EQ(run.code, kTornTail);
  EXPECT_THAT(run.out, HasSubstr("\ntorn tail: store/" + name_ + ": offset 12288: record 3 "));
}

TEST_F(ToolReadingTest, CheckTellsDamageWithFileAndOffset) {
  MakeLog();
  Flip(2 * kBlockBytes + 80);
  const ToolRun run = Run({"check", "store"});
  EXPECT_EQ(run.code, kDamaged);
  EXPECT_THAT(run.out, HasSubstr("a header at offset 12288 says that all up to 2 was durable"));
  EXPECT_THAT(run.out, HasSubstr("\ndamaged: store/" + name_ + ": offset 8192: damage: record 2 "));
}

TEST_F(ToolReadingTest, CheckTellsADamagedManifestAndAMissingOne) {
  MakeLog();
  const std::string manifest = test_.Files()["MANIFEST"];
  test_.Damage("MANIFEST", manifest.substr(1));
  ToolRun run = Run({"check", "store"});
  EXPECT_EQ(run.code, kDamaged);
  EXPECT_THAT(run.out, HasSubstr("\ndamaged: store/MANIFEST: "));
  EXPECT_THAT(run.out, HasSubstr("no MANIFEST: records 1 .. 3 "));
  ASSERT_TRUE(test_.files.Remove("store/MANIFEST").ok());
  run = Run({"check", "store"});
  EXPECT_EQ(run.code, kDamaged);
  EXPECT_THAT(run.out, HasSubstr("\ndamaged: store/MANIFEST: missing, but there is "));
}

TEST_F(ToolReadingTest, CheckTellsAMissingSegment) {
  MakeLog();
  ASSERT_TRUE(test_.files.Remove("store/" + name_).ok());
  test_.Damage("wal-0000000000000099.log", "stray");
  const ToolRun run = Run({"check", "store"});
  EXPECT_EQ(run.code, kDamaged);
  EXPECT_THAT(run.out, HasSubstr(name_ + "    missing\n"));
}

TEST_F(ToolReadingTest, EveryCommandRefusesWhatIsNoStore) {
  ASSERT_TRUE(test_.files.CreateDirectory("empty").ok());
  for (const char* const command : {"check", "dump"}) {
    for (const char* const directory : {"empty", "nowhere"}) {
      const ToolRun run = Run({command, directory});
      EXPECT_EQ(run.code, kCannotRead) << command;
      EXPECT_THAT(run.errors, HasSubstr(directory));
      EXPECT_EQ(run.out, "");
    }
  }
  EXPECT_EQ(Run({"backup", "empty", "copy"}).code, kCannotRead);
  EXPECT_EQ(Run({"restore", "empty", "copy"}).code, kCannotRead);
}

// --- dump

TEST_F(ToolReadingTest, DumpTellsStepsSequencesAndSeenIds) {
  Open();
  Image claim;
  claim.kind = Kind::kRecord;
  claim.state = State::kInProgress;
  claim.key = "order";
  claim.token = claim.attempt = 1;
  claim.value = std::string_view("\6\4\0chargech_1\4\0\0mail", 20);
  claim.step_made = true;
  Image seen;
  seen.kind = Kind::kSeen;
  seen.key = "event";
  seen.deadline_ms = 12;
  seen.until_ms = 34;
  Image producer;
  producer.kind = Kind::kSequence;
  producer.key = "producer";
  producer.sequence = {.epoch = 2, .next = 7, .ahead = 5};
  for (const Image& image : {claim, seen, producer}) ASSERT_NE(test_.Append(image), 0u);
  ASSERT_TRUE(test_.Commit());
  test_.Kill();
  const ToolRun run = Run({"dump", "store"});
  EXPECT_EQ(run.code, kClean) << run.errors;
  EXPECT_THAT(run.out, HasSubstr("\"steps\":[[\"charge\",4],[\"mail\",0]],\"step_made\":true"));
  EXPECT_THAT(run.out, HasSubstr("\"kind\":\"seen id\",\"key\":\"event\",\"deadline_ms\":12,"
                                 "\"until_ms\":34}"));
  EXPECT_THAT(run.out, HasSubstr("\"key\":\"producer\",\"epoch\":2,\"next\":7,"
                                 "\"ahead\":\"0000000000000005\"}"));
  EXPECT_THAT(Run({"dump", "store", "--values"}).out,
              HasSubstr("\"steps\":[[\"charge\",\"ch_1\"],[\"mail\",\"\"]]"));
}

TEST_F(ToolReadingTest, DumpPrintsRecordsWithoutTheirValues) {
  MakeLog();
  const ToolRun run = Run({"dump", "store"});
  EXPECT_EQ(run.code, kClean) << run.errors;
  EXPECT_EQ(run.out,
            "{\"lsn\":1,\"file\":\"" + name_ +
                "\",\"kind\":\"register\",\"key\":\"first\",\"token\":1,\"value_bytes\":12}\n"
                "{\"lsn\":2,\"file\":\"" +
                name_ +
                "\",\"kind\":\"register\",\"key\":\"second\",\"token\":1,\"value_bytes\":13}\n"
                "{\"lsn\":3,\"file\":\"" +
                name_ +
                "\",\"kind\":\"register\",\"key\":\"third\",\"token\":1,\"value_bytes\":12}\n");
}

TEST_F(ToolReadingTest, DumpPrintsWhatIsAskedFor) {
  MakeLog();
  EXPECT_THAT(Run({"dump", "store", "--values", "--key", "second"}).out,
              testing::AllOf(HasSubstr("\"value\":\"secret second\""), Not(HasSubstr("first"))));
  EXPECT_THAT(Run({"dump", "store", "--from=3"}).out,
              testing::AllOf(HasSubstr("third"), Not(HasSubstr("second"))));
  EXPECT_THAT(Run({"dump", "--limit", "1", "store"}).out,
              testing::AllOf(HasSubstr("first"), Not(HasSubstr("second"))));
  EXPECT_EQ(Run({"dump", "store", "--limit", "many"}).code, kUsage);
}

TEST_F(ToolReadingTest, DumpEscapesKeysByteByByte) {
  Open();
  ASSERT_NE(test_.Append(Register(std::string("a\"\\\n\0\xff", 6), "v")), 0u);
  ASSERT_TRUE(test_.Commit());
  EXPECT_THAT(Run({"dump", "store"}).out, HasSubstr("\"key\":\"a\\\"\\\\\\u000a\\u0000\\u00ff\""));
}

TEST_F(ToolReadingTest, DumpShowsWhatIsLeftOfADamagedLog) {
  MakeLog();
  Flip(2 * kBlockBytes + 80);
  const ToolRun run = Run({"dump", "store"});
  EXPECT_EQ(run.code, kDamaged);
  EXPECT_THAT(run.out, HasSubstr("first"));
  EXPECT_THAT(run.errors, HasSubstr("offset 8192"));
}

// --- backup and restore

TEST_F(ToolReadingTest, ABackupRestoresToTheSameStateUnderAHigherEpoch) {
  Open();
  test_.PrepareSegment();
  FillUntilRotated();
  test_.PrepareSegment();
  test_.AppendSome();
  ASSERT_TRUE(test_.Commit());  // and the log is still open
  const uint32_t epoch = log_->stats().epoch;
  const ToolRun backup = Run({"backup", "store", "copy"});
  EXPECT_EQ(backup.code, kClean) << backup.errors;
  const ToolRun restore = Run({"restore", "copy", "store2"});
  EXPECT_EQ(restore.code, kClean) << restore.errors;
  const auto expected = test_.appended;
  test_.log.reset();
  test_.options.directory = "store2";
  ASSERT_TRUE(test_.Open().ok());
  EXPECT_TRUE(test_.recovered == expected);
  EXPECT_GT(test_.log->stats().epoch, epoch + 1000);
}

TEST_F(ToolReadingTest, ACopyNeedsAnEmptyDirectory) {
  MakeLog();
  for (const char* const command : {"backup", "restore"}) {
    const ToolRun run = Run({command, "store", "store"});
    EXPECT_EQ(run.code, kCannotRead);
    EXPECT_THAT(run.errors, HasSubstr("store: must be empty"));
  }
}

TEST_F(ToolReadingTest, NoCopyIsMadeOfADamagedStore) {
  MakeLog();
  Flip(2 * kBlockBytes + 80);
  for (const char* const command : {"backup", "restore"}) {
    const ToolRun run = Run({command, "store", "copy"});
    EXPECT_EQ(run.code, kDamaged);
    EXPECT_THAT(run.errors, HasSubstr("offset 8192"));
    EXPECT_TRUE(test_.files.List("copy").value_or(std::vector<std::string>()).empty());
  }
}

TEST_F(ToolReadingTest, ATornTailIsNotCopied) {
  MakeLog();
  Flip(3 * kBlockBytes + 80);
  EXPECT_EQ(Run({"backup", "store", "copy"}).code, kClean);
  EXPECT_EQ(Run({"check", "copy"}).code, kClean);
  EXPECT_THAT(Run({"dump", "copy"}).out, Not(HasSubstr("third")));
}

// A store in use is not judged before, so the copier must see it.
TEST_F(ToolReadingTest, DamageIsNotCutAwayByCopying) {
  MakeLog();
  Flip(2 * kBlockBytes + 80);
  const absl::StatusOr<CopiedStore> copied = CopyStore(&test_.files, "store", "copy", 0);
  EXPECT_FALSE(copied.ok());
  EXPECT_EQ(test_.files.List("copy").value(), std::vector<std::string>{"LOCK"});
}

// Whatever fails: the code says so, and no half copy is left that could be taken for a store.
TEST_F(ToolReadingTest, EveryFailingCallOfABackupIsTold) {
  MakeLog();
  for (int64_t nth = 1;; ++nth) {
    test_.files.FailCall(nth, broken_);
    const int64_t calls = test_.files.calls();
    const ToolRun run = RunToolOn(&test_.files, {"backup", "store", "copy"});
    test_.files.FailCall(0, absl::OkStatus());
    if (test_.files.calls() - calls < nth) break;
    if (run.code == kClean) {
      EXPECT_EQ(Run({"check", "copy"}).code, kClean) << nth;
    } else {
      EXPECT_EQ(Run({"check", "copy"}).code, kCannotRead) << nth << run.errors;
    }
    for (const std::string& name : test_.files.List("copy").value_or(std::vector<std::string>())) {
      ASSERT_TRUE(test_.files.Remove("copy/" + name).ok());
    }
    ASSERT_LT(nth, 1000);
  }
}

// --- the command line

TEST_F(ToolReadingTest, EveryCommandHasAManualPage) {
  for (const Command* const command : Commands()) {
    const std::string name(command->name);
    const ToolRun run = Run({name.c_str(), "--help"});
    EXPECT_EQ(run.code, kClean);
    for (const char* const part : {"Usage: idem-tool ", "Exit codes:", "Example"}) {
      EXPECT_THAT(run.out, HasSubstr(part)) << name;
    }
    EXPECT_THAT(Run({"--help"}).out, HasSubstr("\n  " + name + " "));
    for (const Command::Flag& flag : command->flags) {
      EXPECT_THAT(run.out, HasSubstr(std::string("  ") + std::string(flag.name))) << name;
    }
  }
}

TEST_F(ToolReadingTest, AWrongCommandLineIsToldInOneLine) {
  for (const std::initializer_list<const char*> words : {std::initializer_list<const char*>{},
                                                         {"nonsense"},
                                                         {"check"},
                                                         {"check", "a", "b"},
                                                         {"check", "a", "--deep"},
                                                         {"dump", "a", "--key"},
                                                         {"dump", "a", "--values=1"},
                                                         {"backup", "a"}}) {
    const ToolRun run = Run(words);
    EXPECT_EQ(run.code, kUsage);
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.errors, testing::MatchesRegex("idem-tool: [^\n]+--help[^\n]*\n"));
  }
}

}  // namespace
}  // namespace idem::engine
