// What clients can make a server hold, without sockets: what they sent counts, never what they
// announced; all of them together stay within a bound; who is gone, idle or done holds nothing.
#include "server/client_memory.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

constexpr size_t kMebibyte = 1 << 20;

// The first bytes of a command that announces an argument of 64 MiB, and `sent` of its bytes.
std::string Unfinished(size_t sent) {
  return "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108864\r\n" + std::string(sent, 'v');
}

class ClientMemoryTest : public testing::Test {
 protected:
  static ServerOptions Limited() {
    ServerOptions options = OneThreadServer::InMemory();
    options.client_memory_bytes = 8 * kMebibyte;
    return options;
  }

  // Sends, as the loop does, until the server takes no more; what it was told.
  std::string FeedInPieces(Client& client, std::string_view bytes) {
    std::string told;
    while (!bytes.empty() && client.connection().wants_input()) {
      client.Feed(bytes.substr(0, 64 << 10));
      bytes.remove_prefix(std::min<size_t>(bytes.size(), 64 << 10));
      told += client.Receive();
    }
    return told;
  }
  std::unique_ptr<Client> Connect() {
    server_.context().clients.fetch_add(1);
    return std::make_unique<Client>(server_);
  }

  // As the loop does at the end of a turn.
  static void FreeIfFinished(std::unique_ptr<Client>& client) {
    if (client->connection().finished()) client.reset();
  }

  size_t held() { return server_.context().client_memory.bytes(); }
  uint64_t evicted() { return server_.loop().stats.evicted_clients.value(); }

  OneThreadServer server_{Limited()};
};

TEST_F(ClientMemoryTest, AnnouncedLengthsCostNothing) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 100; ++i) {
    clients.push_back(Connect());
    clients.back()->Feed(i % 2 == 0 ? Unfinished(10) : "*65536\r\n$67108864\r\n");
    EXPECT_TRUE(clients.back()->connection().wants_input());
  }
  EXPECT_EQ(held(), 0u);
}

TEST_F(ClientMemoryTest, WhatWasReceivedCountsUntilItIsDoneWith) {
  const auto client = Connect();
  FeedInPieces(*client, Unfinished(2 * kMebibyte));
  EXPECT_GE(held(), 2 * kMebibyte);
  EXPECT_LE(held(), 5 * kMebibyte);
  EXPECT_EQ(evicted(), 0u);
}

TEST_F(ClientMemoryTest, WhoIsGoneHoldsNothing) {
  {
    const auto client = Connect();
    FeedInPieces(*client, Unfinished(kMebibyte));
    EXPECT_GT(held(), 0u);
  }
  EXPECT_EQ(held(), 0u);
}

// The rest of a large pipeline must not keep the room of what came before it.
TEST_F(ClientMemoryTest, HalfACommandDoesNotKeepTheRoomOfTheOneBefore) {
  const auto client = Connect();
  const std::string large = Encode({"SET", "k", std::string(kMebibyte, 'v')});
  EXPECT_EQ(FeedInPieces(*client, large + "*2\r\n$3\r\nGET\r\n$1"), "+OK\r\n");
  EXPECT_EQ(held(), 0u);
  client->Feed("\r\nk\r\n");
  EXPECT_EQ(client->Receive().size(), Bulk(std::string(kMebibyte, 'v')).size());
  EXPECT_EQ(held(), 0u);
}

TEST_F(ClientMemoryTest, ManyLargeCommandsTogetherStayWithinTwiceTheLimit) {
  const auto good = Connect();
  std::vector<std::unique_ptr<Client>> hoarders;
  for (int i = 0; i < 40; ++i) {
    hoarders.push_back(Connect());
    FeedInPieces(*hoarders.back(), Unfinished(6 * kMebibyte));
    FreeIfFinished(hoarders.back());
    EXPECT_LE(held(), 16 * kMebibyte) << i;
    EXPECT_EQ(good->Ask({"SET", "k", "v"}), "+OK\r\n") << i;
  }
  EXPECT_GT(evicted(), 30u);
  EXPECT_TRUE(good->connection().wants_input());
}

TEST_F(ClientMemoryTest, AnswersThatNobodyReadsCount) {
  const auto good = Connect();
  good->Ask({"SET", "k", std::string(kMebibyte / 2, 'v')});
  std::vector<std::unique_ptr<Client>> deaf;
  for (int i = 0; i < 40; ++i) {
    deaf.push_back(Connect());
    for (int gets = 0; gets < 100; ++gets) deaf.back()->Send({"GET", "k"});
    FreeIfFinished(deaf.back());
    EXPECT_LE(held(), 20 * kMebibyte) << i;
  }
  EXPECT_GT(evicted(), 20u);
  EXPECT_EQ(good->Ask({"PING"}), "+PONG\r\n");
}

TEST_F(ClientMemoryTest, QueuedCommandsCount) {
  const auto first = Connect(), second = Connect();
  first->Ask({"MULTI"});
  const std::string set = Encode({"SET", "k", std::string(kMebibyte, 'v')});
  for (int i = 0; i < 6; ++i) EXPECT_EQ(FeedInPieces(*first, set), "+QUEUED\r\n");
  EXPECT_GE(held(), 6 * kMebibyte);
  EXPECT_EQ(first->Ask({"DISCARD"}), "+OK\r\n");
  EXPECT_EQ(held(), 0u);
}

TEST_F(ClientMemoryTest, AMillionCommandsOfAClientThatDoesNotReadCostABound) {
  const auto client = Connect();
  std::string pings;
  for (int i = 0; i < 10'000; ++i) pings += "PING\r\n";
  int sent = 0;
  for (; sent < 1'000'000 && client->connection().wants_input(); sent += 10'000) {
    client->Feed(pings);
  }
  EXPECT_LT(sent, 200'000) << "no more is taken when a MiB of answers waits";
  EXPECT_LE(held(), 4 * kMebibyte);
  EXPECT_EQ(server_.loop().stats.output_overflows.value(), 0u) << "it may still read them";
}

// One batch of reads would be 64 MiB.
TEST_F(ClientMemoryTest, LargeAnswersOfAPipelineStopAtTheBound) {
  const auto client = Connect();
  const std::string value(kMebibyte / 2, 'v');
  client->Ask({"SET", "k", value});
  std::string pipeline;
  for (int i = 0; i < 60; ++i) pipeline += Encode({"GET", "k"});
  client->Feed(pipeline);
  EXPECT_LE(held(), 4 * kMebibyte);
  size_t told = 0;
  for (std::string part = client->Receive(); !part.empty(); part = client->Receive()) {
    told += part.size();
  }
  EXPECT_GT(told, 60 * value.size());
  EXPECT_EQ(server_.loop().stats.keyspace_hits.value(), 60u) << "none is told twice";
}

// What has changed something cannot be asked again.
TEST_F(ClientMemoryTest, ChangesBehindLargeAnswersHappenOnce) {
  const auto client = Connect();
  client->Ask({"SET", "large", std::string(kMebibyte, 'v')});
  std::string pipeline;
  for (int i = 0; i < 5; ++i) pipeline += Encode({"GET", "large"}) + Encode({"GETSET", "n", "1"});
  client->Feed(pipeline);
  const std::string told = client->Receive();
  EXPECT_EQ(told.size(), 5 * (Bulk(std::string(kMebibyte, 'v')).size() + Bulk("1").size()) - 2);
  EXPECT_EQ(server_.loop().stats.commands.value(), 11u);
}

// 60 GB would be asked for.
TEST_F(ClientMemoryTest, ATransactionMayNotAskForOneValueWithoutEnd) {
  const auto client = Connect();
  client->Ask({"SET", "k", std::string(kMebibyte, 'v')});
  Words mget = {"MGET"};
  mget.resize(60'000, "k");
  client->Ask({"MULTI"});
  client->Ask(mget);
  EXPECT_TRUE(client->Ask({"EXEC"}).starts_with("-ERR the answers of this transaction are larger"));
  EXPECT_EQ(client->Ask({"PING"}), "+PONG\r\n");
}

TEST_F(ClientMemoryTest, DescriptionsOfManyCommandsAreRefused) {
  const auto client = Connect();
  for (const char* what : {"DOCS", "INFO"}) {
    Words words = {"COMMAND", what};
    words.resize(2 + 513, "client");
    EXPECT_EQ(client->Ask(words), "-ERR COMMAND takes at most 512 names at once\r\n");
  }
}

TEST_F(ClientMemoryTest, WatchedKeysCount) {
  const auto client = Connect();
  Words watch = {"WATCH"};
  for (int i = 0; i < 64; ++i) watch.push_back(std::to_string(i) + std::string(1000, 'w'));
  EXPECT_EQ(client->Ask(watch), "+OK\r\n");
  EXPECT_GE(held(), 32u << 10);
  client->Ask({"UNWATCH"});
  EXPECT_EQ(held(), 0u);
}

TEST_F(ClientMemoryTest, NamesAreShort) {
  const auto client = Connect();
  const std::string longest(256, 'n'), longer(257, 'n');
  for (const Words& name : {Words{"CLIENT", "SETNAME"}, Words{"CLIENT", "SETINFO", "LIB-NAME"},
                            Words{"HELLO", "2", "SETNAME"}}) {
    Words words = name;
    words.push_back(longest);
    EXPECT_NE(client->Ask(words)[0], '-') << name[1];
    words.back() = longer;
    EXPECT_TRUE(client->Ask(words).ends_with("cannot be longer than 256 bytes.\r\n")) << name[1];
  }
}

TEST_F(ClientMemoryTest, ErrorsRepeatLittleOfWhatWasSent) {
  const auto client = Connect();
  const std::string large(kMebibyte, 'x');
  for (const Words& words :
       {Words{large}, Words{"GET", large, large}, Words{"CLIENT", large},
        Words{"CLIENT", "SETINFO", large, "x"}, Words{"HELLO", "2", large},
        Words{"FUNCTION", "FLUSH", large, large}, Words{"IDEM.BEGIN", "k", large},
        Words{"SET", "k", "v", large}, Words{"EVAL", large, "0"}, Words{"SCAN", large},
        Words{"COMMAND", "GETKEYS", large}}) {
    const std::string error = client->Ask(words);
    EXPECT_EQ(error[0], '-');
    EXPECT_LT(error.size(), 1000u) << words[0].substr(0, 20);
  }
}

TEST_F(ClientMemoryTest, LongPatternsAreRefused) {
  const auto client = Connect();
  client->Ask({"SET", "k", "v"});
  const std::string longest = "[" + std::string(1021, 'j') + "k]", longer = longest + "*";
  EXPECT_EQ(client->Ask({"KEYS", longest}), "*1\r\n$1\r\nk\r\n");
  EXPECT_EQ(client->Ask({"SCAN", "0", "MATCH", longest, "COUNT", "1000"}).substr(0, 4), "*2\r\n");
  for (const Words& words : {Words{"KEYS", longer}, Words{"SCAN", "0", "MATCH", longer},
                             Words{"CONFIG", "GET", longest, longest}}) {
    EXPECT_EQ(client->Ask(words), "-ERR a pattern is at most 1024 bytes\r\n") << words[0];
  }
}

}  // namespace
}  // namespace idem::server
