// Commands over several keys, and commands that read and write back. How their answers compare with
// Redis' is redis_comparison_test.py's matter; here is what Redis does not have.
#include <string>

#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "tests/server/both_protocols.h"

namespace idem::server {
namespace {

constexpr char kWrongType[] = "WRONGTYPE Operation against a key holding the wrong kind of value";

using UpdateCommands = BothProtocols;

TEST_F(UpdateCommands, CountersKeepTheirDeadline) {
  ExpectInteger({"INCR", "n"}, 1);
  ExpectInteger({"PEXPIRE", "n", "100"}, 1);
  ExpectInteger({"INCRBY", "n", "41"}, 42);
  ExpectInteger({"DECR", "n"}, 41);
  ExpectInteger({"PTTL", "n"}, 100);
  Advance(100);
  ExpectInteger({"DECRBY", "n", "5"}, -5);
  ExpectInteger({"PTTL", "n"}, -1);
  ExpectBulk({"GET", "n"}, "-5");
}

TEST_F(UpdateCommands, GetExSetsAndEndsADeadline) {
  ExpectOk({"SET", "k", "v"});
  ExpectBulk({"GETEX", "k", "PX", "70"}, "v");
  ExpectInteger({"PTTL", "k"}, 70);
  Advance(30);
  ExpectBulk({"GETEX", "k"}, "v");
  ExpectInteger({"PTTL", "k"}, 40);
  ExpectBulk({"GETEX", "k", "PERSIST"}, "v");
  ExpectInteger({"PTTL", "k"}, -1);
  ExpectBulk({"GETEX", "k", "PXAT", "1"}, "v");
  ExpectNull({"GETEX", "k"});
}

TEST_F(UpdateCommands, DelIfEqual) {
  ExpectInteger({"DELIFEQ", "k", "v"}, 0);
  ExpectOk({"SET", "k", "v"});
  ExpectInteger({"DELIFEQ", "k", "w"}, 0);
  ExpectInteger({"DELIFEQ", "k", "v"}, 1);
  ExpectInteger({"EXISTS", "k"}, 0);
}

TEST_F(UpdateCommands, DelExUnderACondition) {
  for (const Words& condition : {Words{}, Words{"ifeq", "v"}, Words{"IFNE", "w"}}) {
    Words command = {"DELEX", "k"};
    command.insert(command.end(), condition.begin(), condition.end());
    ExpectInteger(command, 0);
    ExpectOk({"SET", "k", "v"});
    ExpectInteger({"DELEX", "k", "IFEQ", "w"}, 0);
    ExpectInteger({"DELEX", "k", "IFNE", "v"}, 0);
    ExpectInteger(command, 1);
    ExpectInteger({"EXISTS", "k"}, 0);
  }
  ExpectError({"DELEX", "k", "IFEQ"}, "ERR wrong number of arguments for 'delex' command");
  ExpectError({"DELEX", "k", "NX", "v"}, "ERR Invalid condition. Use IFEQ or IFNE");
}

TEST_F(UpdateCommands, SetIfEqual) {
  ExpectNull({"SET", "k", "w", "IFEQ", "v"});
  ExpectNull({"SET", "k", "w", "IFEQ", "v", "GET"});
  ExpectInteger({"EXISTS", "k"}, 0);
  ExpectOk({"SET", "k", "v"});
  ExpectNull({"SET", "k", "w", "IFEQ", "other"});
  ExpectBulk({"SET", "k", "w", "IFEQ", "other", "GET"}, "v");
  ExpectBulk({"GET", "k"}, "v");
  ExpectOk({"SET", "k", "w", "PX", "50", "ifeq", "v"});
  ExpectInteger({"PTTL", "k"}, 50);
  ExpectBulk({"SET", "k", "x", "IFEQ", "w", "GET", "KEEPTTL"}, "w");
  ExpectBulk({"GET", "k"}, "x");
  ExpectInteger({"PTTL", "k"}, 50);
  ExpectNull({"SET", "k", "y", "IFEQ", "w", "PXAT", "1"});
  ExpectOk({"SET", "k", "y", "IFEQ", "x", "PXAT", "1"});
  ExpectInteger({"EXISTS", "k"}, 0);
  for (const char* other : {"NX", "XX"}) {
    ExpectError({"SET", "k", "v", other, "IFEQ", "w"}, "ERR syntax error");
    ExpectError({"SET", "k", "v", "IFEQ", "w", other}, "ERR syntax error");
  }
  ExpectError({"SET", "k", "v", "IFEQ"}, "ERR syntax error");
}

TEST_F(UpdateCommands, RecordsAreNoPlainKeys) {
  Claim("r");
  for (const Words& command :
       {Words{"INCR", "r"}, Words{"DECRBY", "r", "2"}, Words{"GETEX", "r"},
        Words{"GETEX", "r", "PERSIST"}, Words{"DELEX", "r"}, Words{"DELEX", "r", "IFNE", "v"},
        Words{"DELIFEQ", "r", "v"}, Words{"SET", "r", "v", "IFEQ", "w"},
        Words{"MSET", "a", "1", "r", "2", "z", "3"}, Words{"MSETNX", "a", "1", "r", "2"},
        Words{"EXPIREAT", "r", "1"}}) {
    ExpectError(command, kWrongType);
  }
  ExpectInteger({"EXISTS", "a", "z"}, 0);
  ExpectBulk({"OBJECT", "ENCODING", "r"}, "record");
  ExpectInteger({"EXISTS", "r"}, 1);
}

TEST_F(UpdateCommands, ManyKeysAtOnceAreSixtyFour) {
  Words command = {"MSET"};
  for (int i = 0; i < 64; ++i) command.insert(command.end(), {"k" + std::to_string(i), "v"});
  ExpectOk(command);
  ExpectInteger({"DBSIZE"}, 64);
  command.insert(command.end(), {"one more", "v"});
  command[2] = "w";
  ExpectError(command,
              "ERR 'mset' takes at most 64 keys, because it changes all or none; send several "
              "commands");
  ExpectBulk({"GET", "k0"}, "v");
}

TEST_F(UpdateCommands, MomentsAreTold) {
  constexpr int64_t kMoment = 1'900'000'000'123;
  ExpectOk({"SET", "k", "v", "PXAT", std::to_string(kMoment)});
  Advance(5000);
  ExpectInteger({"PEXPIRETIME", "k"}, kMoment);
  ExpectInteger({"EXPIRETIME", "k"}, kMoment / 1000);
  ExpectInteger({"PEXPIREAT", "k", std::to_string(kMoment + 1)}, 1);
  ExpectInteger({"PEXPIRETIME", "k"}, kMoment + 1);
}

TEST_F(UpdateCommands, AMomentThatHasPassedEndsTheKeyAtOnceWhateverTheCondition) {
  const std::vector<std::pair<bool, const char*>> good = {
      {false, "NX"}, {false, "LT"}, {true, "XX"}, {true, "LT"}};
  for (const char* command : {"EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"}) {
    for (const auto& [has_deadline, condition] : good) {
      ExpectOk({"SET", "k", "v"});
      if (has_deadline) ExpectInteger({"EXPIRE", "k", "9"}, 1);
      ExpectInteger({command, "k", "-1", condition}, 1);
      ExpectInteger({"EXISTS", "k"}, 0);
    }
    ExpectOk({"SET", "k", "v", "EX", "9"});
    for (const char* condition : {"NX", "GT"}) {
      ExpectInteger({command, "k", "-1", condition}, 0);
      ExpectInteger({"PTTL", "k"}, 9000);
    }
    ExpectInteger({"PERSIST", "k"}, 1);
    for (const char* condition : {"XX", "GT"}) {
      ExpectInteger({command, "k", "-1", condition}, 0);
      ExpectInteger({"PTTL", "k"}, -1);
    }
  }
}

TEST_F(UpdateCommands, FlushLeavesRecords) {
  for (int i = 0; i < 3000; ++i) ExpectOk({"SET", "k" + std::to_string(i), "v"});
  Claim("r");
  ExpectInteger({"DBSIZE"}, 3001);
  ExpectOk({"FLUSHALL"});
  ExpectInteger({"DBSIZE"}, 1);
  Expect({"KEYS", "*"}, "*1\r\n$1\r\nr\r\n");
}

TEST_F(UpdateCommands, ShutdownIsTheProcessOwn) {
  ExpectError({"SHUTDOWN"}, "ERR Errors trying to SHUTDOWN. Check logs.");
}

TEST_F(UpdateCommands, MemoryUsageGrowsWithTheValue) {
  ExpectOk({"SET", "key", std::string(1000, 'v')});
  ExpectInteger({"MEMORY", "USAGE", "key"}, 1067);
  ExpectInteger({"MEMORY", "USAGE", "key", "SAMPLES", "5"}, 1067);
}

class UpdateCommandsOnDisk : public testing::Test {
 protected:
  // Lets the client's commands come through, commit by commit.
  std::string CommitAll() {
    std::string received;
    for (int i = 0; i < 5000 && client_.connection().waits_for_commit(); ++i) {
      server_.Commit();
      received += client_.Receive();
    }
    return received;
  }

  MemoryFileSystem files_;
  OneThreadServer server_{OneThreadServer::OnDisk(&files_)};
  Client client_{server_};
};

TEST_F(UpdateCommandsOnDisk, AnswersWaitForTheCommit) {
  EXPECT_EQ(client_.Ask({"INCR", "n"}), "");
  EXPECT_EQ(client_.Ask({"GETEX", "n"}), "");
  server_.Commit();
  EXPECT_EQ(client_.Receive(), ":1\r\n$1\r\n1\r\n");
  EXPECT_EQ(server_.loop().batch.TakeChanges(), 1u);
}

TEST_F(UpdateCommandsOnDisk, AFullBacklogPausesACounter) {
  std::string pipeline, expected;
  for (int i = 1; i <= 5000; ++i) {
    pipeline += Encode({"INCR", "n"});
    expected += ":" + std::to_string(i) + "\r\n";
  }
  client_.Feed(pipeline);
  EXPECT_FALSE(client_.connection().wants_input()) << "the backlog was never full";
  EXPECT_EQ(CommitAll(), expected);
}

TEST_F(UpdateCommandsOnDisk, FlushGoesOnWhereTheBacklogWasFull) {
  std::string pipeline;
  for (int i = 0; i < 5000; ++i) pipeline += Encode({"SET", "k" + std::to_string(i), "v"});
  client_.Feed(pipeline);
  CommitAll();
  EXPECT_EQ(client_.Ask({"FLUSHDB"}), "");
  EXPECT_FALSE(client_.connection().wants_input()) << "the backlog was never full";
  EXPECT_EQ(CommitAll(), "+OK\r\n");
  EXPECT_EQ(client_.Ask({"DBSIZE"}), ":0\r\n");
}

}  // namespace
}  // namespace idem::server
