// The connection without sockets: order, gates, backlog, bounds. Each store is under a fake clock,
// and commits only when a test says so.
#include "server/connection.h"

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/client.h"
#include "tests/support/test_size.h"

namespace idem::server {
namespace {

class ConnectionTest : public testing::Test {
 protected:
  MemoryFileSystem files_;
  OneThreadServer server_{OneThreadServer::OnDisk(&files_)};
  Client client_{server_};
};

TEST_F(ConnectionTest, HoldsAnAnswerUntilItsRecordIsCommitted) {
  client_.Send({"SET", "k", "v"});
  EXPECT_EQ(client_.Receive(), "");
  EXPECT_TRUE(client_.connection().waits_for_commit());
  server_.Commit();
  EXPECT_EQ(client_.Receive(), "+OK\r\n");
  EXPECT_FALSE(client_.connection().waits_for_commit());
}

TEST_F(ConnectionTest, HoldsWhatItReadOfARecordThatIsNotCommitted) {
  Client other(server_);
  client_.Send({"SET", "k", "v"});
  other.Send({"GET", "k"});
  EXPECT_EQ(other.Receive(), "");
  server_.Commit();
  EXPECT_EQ(other.Receive(), "$1\r\nv\r\n");
}

TEST_F(ConnectionTest, HoldsAnAbsenceUntilTheRemovalIsCommitted) {
  client_.Send({"SET", "k", "v"});
  server_.Commit();
  client_.Receive();
  Client other(server_);
  client_.Send({"DEL", "k"});
  other.Send({"GET", "k"});
  EXPECT_EQ(other.Receive(), "");
  server_.Commit();
  EXPECT_EQ(other.Receive(), "$-1\r\n");
}

TEST_F(ConnectionTest, HoldsWhatAWalkTellsUntilAllBeforeItIsCommitted) {
  for (const Words& walk : {Words{"SCAN", "0"}, Words{"DBSIZE"}, Words{"IDEM.STUCK"}}) {
    Client other(server_);
    client_.Send({"SET", walk[0], "v"});
    EXPECT_EQ(other.Ask(walk), "") << walk[0];
    server_.Commit();
    EXPECT_NE(other.Receive(), "") << walk[0];
  }
}

TEST_F(ConnectionTest, KeepsOrderBehindAHeldAnswer) {
  client_.Feed(Encode({"PING"}) + Encode({"SET", "k", "v"}) + Encode({"PING", "later"}));
  EXPECT_EQ(client_.Receive(), "+PONG\r\n");
  EXPECT_EQ(client_.Receive(), "");
  server_.Commit();
  EXPECT_EQ(client_.Receive(), "+OK\r\n$5\r\nlater\r\n");
}

TEST_F(ConnectionTest, NoWaitLeavesAtOnceAndWhatSeesItWaits) {
  EXPECT_EQ(client_.Ask({"IDEM.BEGIN", "k", "NOWAIT"}).substr(0, 15), "*5\r\n$7\r\nCLAIMED");
  EXPECT_EQ(client_.Ask({"IDEM.BEGIN", "k", "NOWAIT"}), "");
  server_.Commit();
  EXPECT_EQ(client_.Receive().substr(0, 12), "*5\r\n$4\r\nBUSY");
}

TEST_F(ConnectionTest, ErrorsOfAPipelineStayInTheirPlaces) {
  client_.Feed(Encode({"SET", "k", "v"}) + Encode({"NOPE"}) + Encode({"SET", "k"}) +
               Encode({"GET", "k"}) + Encode({"SET", "k", "w", "EX", "0"}));
  server_.Commit();
  EXPECT_EQ(client_.Receive(),
            "+OK\r\n"
            "-ERR unknown command 'NOPE', with args beginning with: \r\n"
            "-ERR wrong number of arguments for 'set' command\r\n"
            "$1\r\nv\r\n"
            "-ERR invalid expire time in 'set' command\r\n");
}

TEST_F(ConnectionTest, ALongPipelineIsExecutedInOrder) {
  std::string pipeline;
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    const std::string value = std::to_string(i);
    pipeline += Encode({"GETSET", "k", value}) + Encode({"ECHO", value});
    if (i % 50 == 0) pipeline += Encode({"DBSIZE"});
    expected += i == 0 ? "$-1\r\n" : Bulk(std::to_string(i - 1));
    expected += Bulk(value);
    if (i % 50 == 0) expected += ":1\r\n";
  }
  client_.Feed(pipeline);
  server_.Commit();
  EXPECT_EQ(client_.Receive(), expected);
}

// Multibulk and inline, words with quotes, commands with and without requests.
std::string MixedPipeline() {
  return Encode({"SET", "a", "1"}) + "SET \"b c\" '2 3'\r\n" + Encode({"PING"}) + "\r\n" +
         Encode({"MGET", "a", "b c", "none"}) + "GET \"b c\"\n" + Encode({"HELLO", "3"}) +
         Encode({"GET", "none"}) + Encode({"DEL", "a", "b c", "none"}) + Encode({"NOPE", "x"});
}

TEST(ConnectionCuts, AnswersAreTheSameWhereverTheInputIsCut) {
  const std::string input = MixedPipeline();
  OneThreadServer whole;
  Client reference(whole);
  reference.Feed(input);
  const std::string expected = reference.Receive();
  EXPECT_NE(expected.find("*3\r\n$1\r\n1\r\n$3\r\n2 3\r\n$-1\r\n"), expected.npos) << expected;
  EXPECT_NE(expected.find("_\r\n:2\r\n-ERR unknown command"), expected.npos) << expected;
  for (size_t first = 0; first <= input.size(); ++first) {
    OneThreadServer server;
    Client client(server);
    client.Feed(std::string_view(input).substr(0, first));
    client.Feed(std::string_view(input).substr(first));
    EXPECT_EQ(client.Receive(), expected) << "cut at " << first;
  }
}

TEST(ConnectionCuts, ByteByByte) {
  const std::string input = MixedPipeline();
  OneThreadServer whole, bytewise;
  Client reference(whole), client(bytewise);
  reference.Feed(input);
  for (const char& byte : input) client.Feed({&byte, 1});
  EXPECT_EQ(client.Receive(), reference.Receive());
}

TEST_F(ConnectionTest, AProtocolErrorIsAnsweredInItsPlaceAndEndsTheConnection) {
  client_.Feed(Encode({"SET", "k", "v"}) + "*1\r\n:3\r\n" + Encode({"SET", "k", "w"}));
  EXPECT_FALSE(client_.connection().wants_input());
  EXPECT_FALSE(client_.connection().finished());
  server_.Commit();
  EXPECT_EQ(client_.Receive(), "+OK\r\n-ERR Protocol error: expected '$', got ':'\r\n");
  EXPECT_TRUE(client_.connection().finished());
  Client other(server_);
  EXPECT_EQ(other.Ask({"GET", "k"}), "$1\r\nv\r\n");
}

TEST_F(ConnectionTest, NothingIsExecutedAfterQuit) {
  client_.Feed(Encode({"SET", "k", "v"}) + Encode({"QUIT"}) + Encode({"SET", "k", "w"}));
  server_.Commit();
  EXPECT_EQ(client_.Receive(), "+OK\r\n+OK\r\n");
  EXPECT_TRUE(client_.connection().finished());
  Client other(server_);
  EXPECT_EQ(other.Ask({"GET", "k"}), "$1\r\nv\r\n");
}

TEST_F(ConnectionTest, AfterTheEndOfInputWhatWasSentWholeIsAnswered) {
  client_.Feed(Encode({"SET", "k", "v"}) + "*2\r\n$3\r\nGET");
  client_.connection().FeedEnd();
  EXPECT_FALSE(client_.connection().finished());
  server_.Commit();
  EXPECT_EQ(client_.Receive(), "+OK\r\n");
  EXPECT_TRUE(client_.connection().finished());
}

TEST_F(ConnectionTest, TheProtocolVersionChangesAtItsPlace) {
  client_.Feed(Encode({"GET", "none"}) + Encode({"HELLO", "3"}) + Encode({"GET", "none"}) +
               Encode({"RESET"}) + Encode({"GET", "none"}));
  const std::string received = client_.Receive();
  EXPECT_TRUE(received.starts_with("$-1\r\n%7\r\n")) << received;
  EXPECT_TRUE(received.ends_with("_\r\n+RESET\r\n$-1\r\n")) << received;
}

// --- The log's backlog is full.

TEST_F(ConnectionTest, PausesAtAFullBacklogAndGoesOnAfterTheCommit) {
  const std::string value(4000, 'v');
  std::string pipeline;
  for (int i = 0; i < 100; ++i) pipeline += Encode({"SETNX", "k" + std::to_string(i), value});
  client_.Feed(pipeline);
  EXPECT_FALSE(client_.connection().wants_input());
  EXPECT_TRUE(client_.connection().waits_for_commit());
  EXPECT_FALSE(client_.connection().Continue()) << "nothing was committed yet";

  std::string received;
  for (int i = 0; i < 100 && client_.connection().waits_for_commit(); ++i) {
    server_.Commit();
    received += client_.Receive();
  }
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += ":1\r\n";
  EXPECT_EQ(received, expected);
  EXPECT_TRUE(client_.connection().wants_input());
}

TEST_F(ConnectionTest, WhatIsCutOffAtAFullBacklogIsNotLost) {
  const std::string value(4000, 'v');
  std::string pipeline;
  for (int i = 0; i < 40; ++i) pipeline += Encode({"SET", "k" + std::to_string(i), value});
  // A quoted inline word, a command that runs alone and half a command behind the pause.
  pipeline += "SET \"last one\" 'x y'\r\n" + Encode({"DBSIZE"}) + "*2\r\n$3\r\nGE";
  client_.Send({"SET", "k0", "v"});  // a batch of any size passes an empty backlog
  client_.Feed(pipeline);
  EXPECT_FALSE(client_.connection().wants_input());
  std::string received;
  for (int i = 0; i < 100 && client_.connection().waits_for_commit(); ++i) {
    server_.Commit();
    received += client_.Receive();
  }
  client_.Feed("T\r\n$8\r\nlast one\r\n");
  received += client_.Receive();
  EXPECT_TRUE(received.ends_with("+OK\r\n:41\r\n$3\r\nx y\r\n")) << received;
}

// The parser has begun the last command when the ones before it turn out to find no room.
TEST_F(ConnectionTest, HalfACommandBehindAFullBacklogIsParsedAgain) {
  const std::string value(4000, 'v');
  std::string pipeline;
  for (int i = 0; i < 40; ++i) pipeline += Encode({"SET", "k" + std::to_string(i), value});
  client_.Send({"SET", "k0", "v"});  // a batch of any size passes an empty backlog
  client_.Feed(pipeline + "*2\r\n$3\r\nGET\r\n$3\r\nk");
  EXPECT_FALSE(client_.connection().wants_input());
  std::string received;
  for (int i = 0; i < 100 && client_.connection().waits_for_commit(); ++i) {
    server_.Commit();
    received += client_.Receive();
  }
  client_.Feed("39\r\n");
  received += client_.Receive();
  std::string expected;
  for (int i = 0; i < 41; ++i) expected += "+OK\r\n";
  EXPECT_EQ(received, expected + Bulk(value));
}

TEST_F(ConnectionTest, AFullBacklogOfOneConnectionPausesTheOthers) {
  Client other(server_);
  std::string pipeline;
  const std::string value(8000, 'v');
  for (int i = 0; i < 20; ++i) pipeline += Encode({"SET", "k" + std::to_string(i), value});
  client_.Feed(pipeline);
  other.Send({"DEL", "a", "b"});
  other.Send({"SET", "x", value});
  std::string received;
  for (int i = 0; i < 100 && other.connection().waits_for_commit(); ++i) {
    server_.Commit();
    client_.Receive();
    received += other.Receive();
  }
  EXPECT_TRUE(received.starts_with(":0\r\n")) << received;
}

// --- The client does not read.

TEST(ConnectionBounds, TakesNoMoreInputWhileMuchIsUnread) {
  OneThreadServer server;
  Client client(server);
  client.Ask({"SET", "k", std::string(1 << 20, 'v')});
  std::string pipeline;
  for (int i = 0; i < 200; ++i) pipeline += Encode({"GET", "k"});
  client.Feed(pipeline);
  EXPECT_FALSE(client.connection().wants_input());
  EXPECT_FALSE(client.connection().Continue());

  // Reads all that is there, again and again, as the loop does.
  size_t received = 0;
  do {
    const size_t bytes = client.connection().Releasable().size();
    EXPECT_LE(bytes, Connection::kCloseBytes);
    received += bytes;
    client.connection().Sent(bytes);
  } while (client.connection().Continue());
  EXPECT_EQ(received, 200 * Bulk(std::string(1 << 20, 'v')).size());
  EXPECT_TRUE(client.connection().wants_input());
}

TEST(ConnectionBounds, AnAnswerBeyondAllBoundsDropsTheClient) {
  OneThreadServer server;
  Client client(server);
  client.Ask({"SET", "k", std::string(1 << 20, 'v')});
  Words mget = {"MGET"};
  for (int i = 0; i < 200; ++i) mget.push_back("k");
  client.Feed(Encode({"PING"}) + Encode(mget));
  EXPECT_TRUE(client.connection().finished());
  EXPECT_EQ(client.Receive(), "");
  EXPECT_EQ(server.loop().stats.output_overflows.value(), 1u);
}

// --- The log fails.

TEST_F(ConnectionTest, AHeldAnswerNeverLeavesOnceTheLogHasFailed) {
  client_.Send({"SET", "k", "v"});
  files_.FailCall(1, absl::UnavailableError("disk on fire"), /*keep_failing=*/true);
  server_.Commit();
  EXPECT_FALSE(server_.store().log_status().ok());
  EXPECT_EQ(client_.Receive(), "");
  files_.FailCall(0, absl::OkStatus());
  server_.Commit();
  EXPECT_EQ(client_.Receive(), "");

  Client other(server_);
  const std::string refused = other.Ask({"IDEM.BEGIN", "k2"});
  EXPECT_TRUE(refused.empty() || refused.starts_with("-UNAVAILABLE ")) << refused;
}

// --- Many clients at random: whatever the cuts and commits, each sees its own order.

TEST_F(ConnectionTest, RandomCutsAndCommitsKeepEachClientsOrder) {
  const char* const given = std::getenv("IDEM_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 20261122;
  SCOPED_TRACE("replay with IDEM_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  constexpr int kClients = 4;
  struct Talk {
    std::unique_ptr<Client> client;
    std::string unsent, expected, received;
    int count = 0;
  };
  std::vector<Talk> talks(kClients);
  for (Talk& talk : talks) talk.client = std::make_unique<Client>(server_);
  const int64_t steps = TestSize(20'000);
  for (int64_t step = 0; step < steps; ++step) {
    const size_t who = random() % kClients;
    Talk& talk = talks[who];
    if (random() % 8 == 0) server_.Commit();
    if (talk.unsent.empty()) {
      const std::string key = "k" + std::to_string(who);
      const std::string value = std::to_string(talk.count) + std::string(random() % 3000, 'x');
      talk.unsent = Encode({"SET", key, value}) + Encode({"GET", key}) + "PING\r\n";
      talk.expected += "+OK\r\n" + Bulk(value) + "+PONG\r\n";
      ++talk.count;
    }
    if (talk.client->connection().wants_input()) {
      const size_t bytes = 1 + random() % talk.unsent.size();
      talk.client->Feed(talk.unsent.substr(0, bytes));
      talk.unsent.erase(0, bytes);
    }
    talk.received += talk.client->Receive();
    ASSERT_TRUE(talk.expected.starts_with(talk.received));
    while (server_.store().Step(Store::StepKind::kPrepareSegment)) {
    }
  }
  for (Talk& talk : talks) {
    while (!talk.unsent.empty() || talk.client->connection().waits_for_commit()) {
      if (talk.client->connection().wants_input()) {
        talk.client->Feed(talk.unsent);
        talk.unsent.clear();
      }
      server_.Commit();
      talk.received += talk.client->Receive();
    }
    EXPECT_EQ(talk.received, talk.expected);
    EXPECT_GT(talk.count, 0);
  }
}

}  // namespace
}  // namespace idem::server
