// MULTI and EXEC under a full log, and the bounds of a queue. How they compare with Redis is
// transaction_comparison_test.py's matter.
#include "server/command_queue.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

TEST(CommandQueue, IsBoundedInCommandsAndBytes) {
  const CommandTable table;
  const Command& ping = *table.FindByName("ping");
  const std::vector<std::string_view> small = {"ping"};
  CommandQueue many;
  for (size_t i = 0; i < CommandQueue::kCommands; ++i) EXPECT_TRUE(many.Add(ping, small));
  EXPECT_FALSE(many.spoiled());
  EXPECT_FALSE(many.Add(ping, small));
  EXPECT_TRUE(many.spoiled());
  const std::string half(CommandQueue::kBytes / 2, 'h');
  const std::vector<std::string_view> large = {"ping", half};
  CommandQueue heavy;
  EXPECT_TRUE(heavy.Add(ping, large));
  EXPECT_FALSE(heavy.Add(ping, large));
}

class ExecOnDisk : public testing::Test {
 protected:
  MemoryFileSystem files_;
  OneThreadServer server_{OneThreadServer::OnDisk(&files_)};
  Client client_{server_};
};

TEST_F(ExecOnDisk, TheAnswerWaitsForTheCommitOfAllOfIt) {
  EXPECT_EQ(client_.Ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(client_.Ask({"SET", "a", "1"}), "+QUEUED\r\n");
  EXPECT_EQ(client_.Ask({"INCR", "a"}), "+QUEUED\r\n");
  EXPECT_EQ(client_.Ask({"GET", "b"}), "+QUEUED\r\n");
  EXPECT_EQ(client_.Ask({"EXEC"}), "");
  EXPECT_EQ(server_.loop().batch.TakeChanges(), 1u);
  server_.Commit();
  EXPECT_EQ(client_.Receive(), "*3\r\n+OK\r\n:2\r\n$-1\r\n");
}

TEST_F(ExecOnDisk, IsExecutedOnceWhenTheLogHasRoomAgain) {
  std::string pipeline, expected;
  const std::string value(1000, 'v');
  for (int i = 1; i <= 200; ++i) {
    pipeline += Encode({"MULTI"}) + Encode({"INCR", "n"}) +
                Encode({"SET", "k" + std::to_string(i), value}) + Encode({"EXEC"});
    expected += "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:" + std::to_string(i) + "\r\n+OK\r\n";
  }
  client_.Feed(pipeline);
  EXPECT_FALSE(client_.connection().wants_input()) << "the backlog was never full";
  std::string received;
  for (int i = 0; i < 1000 && client_.connection().waits_for_commit(); ++i) {
    server_.Commit();
    received += client_.Receive();
  }
  EXPECT_EQ(received, expected);
}

TEST_F(ExecOnDisk, CommandsOfOtherClientsComeBetween) {
  Client other(server_);
  EXPECT_EQ(client_.Ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(client_.Ask({"INCR", "n"}), "+QUEUED\r\n");
  EXPECT_EQ(other.Ask({"INCR", "n"}), "");
  EXPECT_EQ(client_.Ask({"EXEC"}), "");
  server_.Commit();
  EXPECT_EQ(other.Receive(), ":1\r\n");
  EXPECT_EQ(client_.Receive(), "*1\r\n:2\r\n");
}

}  // namespace
}  // namespace idem::server
