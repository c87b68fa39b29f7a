// The event loops with real sockets and threads. Nothing sleeps: every wait is a blocking receive
// with a bound that only a failure reaches.
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "server/event_loop.h"
#include "server/server.h"
#include "tests/server/client.h"
#include "tests/server/tcp_client.h"
#include "tests/support/test_size.h"

namespace idem::server {
namespace {

class EventLoopTest : public testing::Test {
 protected:
  void Start(int threads, Durability durability = Durability::kMemory, int maxclients = 1000,
             Background background = Background::kThreads) {
    ServerOptions options;
    options.port = 0;
    options.threads = threads;
    options.maxclients = maxclients;
    options.store.durability = durability;
    options.store.background = background;
    options.store.file_system = &files_;
    options.store.segment_bytes = 4 << 20;
    options.store.backlog_bytes = 4 << 20;
    options.store.policy.max_response_bytes = 1 << 20;
    if (durability != Durability::kMemory) options.store.directory = "/store";
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options.store);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(options, store_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    port_ = server_->context().options.port;
  }

  uint64_t RejectedConnections() const {
    uint64_t rejected = 0;
    for (const LoopStats& loop : server_->context().loops) {
      rejected += loop.rejected_connections.value();
    }
    return rejected;
  }

  MemoryFileSystem files_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
};

TEST_F(EventLoopTest, AnswersAPipelineInOrder) {
  Start(1, Durability::kAlways);
  TcpClient client(port_);
  std::string pipeline, expected;
  for (int i = 0; i < 1000; ++i) {
    const std::string value = std::to_string(i);
    pipeline += Encode({"SET", "k", value}) + Encode({"GET", "k"}) + Encode({"ECHO", value});
    expected += "+OK\r\n" + Bulk(value) + Bulk(value);
  }
  client.SendBytes(pipeline);
  client.Expect(expected);
}

TEST_F(EventLoopTest, AnswersWhatWasPipelinedBeforeAHalfClose) {
  Start(2, Durability::kAlways);
  TcpClient client(port_);
  client.SendBytes(Encode({"SET", "k", "v"}) + Encode({"GET", "k"}) + "*1\r\n$4\r\nhalf");
  client.EndInput();
  EXPECT_EQ(client.ReceiveAll(), "+OK\r\n$1\r\nv\r\n");
}

// There is no thread of the store that could.
TEST_F(EventLoopTest, ALoopWhoseClientsAllWaitCommitsByItself) {
  Start(1, Durability::kAlways, 1000, Background::kManual);
  TcpClient client(port_);
  for (int i = 0; i < 100; ++i) {
    client.SendBytes(Encode({"SET", "k", "v"}) + Encode({"GET", "k"}));
    client.Expect("+OK\r\n$1\r\nv\r\n");
  }
}

TEST_F(EventLoopTest, ALoopWithAClientThatDoesNotWaitServesItMeanwhile) {
  Start(1, Durability::kAlways, 1000, Background::kManual);
  TcpClient idle(port_), writer(port_);
  idle.Send({"PING"});
  idle.Expect("+PONG\r\n");
  writer.Send({"SET", "k", "v"});
  while (store_->GetStats().log.appended == 0) {
    idle.Send({"PING"});
    idle.Expect("+PONG\r\n");
  }
  idle.Send({"PING"});
  idle.Expect("+PONG\r\n");
  EXPECT_EQ(store_->committed(), 0u);
  EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
  writer.Expect("+OK\r\n");
}

// Everything is committed, and only the next segment is missing.
TEST_F(EventLoopTest, GoesOnWhenTheLogHasRoomAgain) {
  Start(1, Durability::kAlways, 1000, Background::kManual);
  TcpClient writer(port_), other(port_);
  const std::string set = Encode({"SET", "k", std::string(1 << 20, 'v')});
  for (int i = 0; i < 3; ++i) {
    writer.SendBytes(set);
    while (store_->GetStats().log.appended == static_cast<Lsn>(i)) {
      other.Send({"PING"});
      other.Expect("+PONG\r\n");
    }
    EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
    writer.Expect("+OK\r\n");
  }
  writer.SendBytes(set);
  for (int turns = 0; turns < 100; ++turns) {
    other.Send({"PING"});
    other.Expect("+PONG\r\n");
  }
  EXPECT_EQ(store_->GetStats().log.appended, 3u) << "there is no room for a fourth";
  EXPECT_TRUE(store_->Step(Store::StepKind::kPrepareSegment));
  while (store_->GetStats().log.appended == 3) {
    other.Send({"PING"});
    other.Expect("+PONG\r\n");
  }
  EXPECT_TRUE(store_->Step(Store::StepKind::kCommit));
  writer.Expect("+OK\r\n");
}

TEST_F(EventLoopTest, QuitAndProtocolErrorsAreAnsweredThenClosed) {
  Start(1);
  TcpClient quits(port_), errs(port_), browser(port_);
  quits.SendBytes(Encode({"QUIT"}) + Encode({"PING"}));
  EXPECT_EQ(quits.ReceiveAll(), "+OK\r\n");
  errs.SendBytes("*1\r\n+PING\r\n" + std::string(10'000, 'x'));
  EXPECT_EQ(errs.ReceiveAll(), "-ERR Protocol error: expected '$', got '+'\r\n");
  browser.SendBytes("POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n");
  EXPECT_EQ(browser.ReceiveAll(), "-" + std::string(RespParser::kHttpError) + "\r\n");
}

TEST_F(EventLoopTest, RefusesClientsBeyondMaxclients) {
  Start(1, Durability::kMemory, /*maxclients=*/2);
  auto first = std::make_unique<TcpClient>(port_);
  TcpClient second(port_);
  first->Send({"PING"});
  first->Expect("+PONG\r\n");
  second.Send({"PING"});
  second.Expect("+PONG\r\n");
  TcpClient third(port_);
  third.Send({"HELLO", "3"});
  EXPECT_EQ(third.ReceiveAll(), "-ERR max number of clients reached\r\n");
  EXPECT_EQ(RejectedConnections(), 1u);

  first->Send({"QUIT"});
  EXPECT_EQ(first->ReceiveAll(), "+OK\r\n");
  // The place is free once the loop has ended the turn in which it closed the socket.
  for (bool admitted = false; !admitted;) {
    TcpClient fourth(port_);
    fourth.Send({"PING"});
    admitted = fourth.Receive(1) == "+";
  }
}

TEST_F(EventLoopTest, AClientThatDoesNotReadHoldsUpNobodyElse) {
  Start(1);
  TcpClient slow(port_), quick(port_);
  const std::string value(1 << 20, 'v');
  slow.Send({"SET", "k", value});
  slow.Expect("+OK\r\n");
  std::string pipeline;
  for (int i = 0; i < 100; ++i) pipeline += Encode({"GET", "k"});
  slow.SendBytes(pipeline);
  for (int i = 0; i < 100; ++i) {
    quick.Send({"PING"});
    quick.Expect("+PONG\r\n");
  }
  const std::string reply = Bulk(value);
  for (int i = 0; i < 100; ++i) ASSERT_EQ(slow.Receive(reply.size()), reply);
}

TEST_F(EventLoopTest, ALargeCommandMayTrickleIn) {
  Start(1);
  TcpClient client(port_);
  const std::string command = Encode({"SET", "k", std::string(1 << 20, 'v')});
  for (size_t at = 0; at < command.size(); at += 100'000) {
    client.SendBytes(std::string_view(command).substr(at, 100'000));
  }
  client.Expect("+OK\r\n");
}

TEST_F(EventLoopTest, ResetConnectionsLeaveNothingBehind) {
  Start(2, Durability::kAlways);
  const int64_t rounds = TestSize(2000);
  for (int64_t i = 0; i < rounds; ++i) {
    TcpClient client(port_);
    client.SendBytes(Encode({"SET", "k", "v"}) + Encode({"GET", "k"}) + "*2\r\n$3");
    if (i % 2 == 0) {
      const linger reset = {.l_onoff = 1, .l_linger = 0};
      setsockopt(client.fd(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    }
  }
  TcpClient last(port_);
  last.Send({"PING"});
  last.Expect("+PONG\r\n");
  // Every loop frees what has ended; the last client asks until they have.
  while (server_->context().clients.load() != 1) {
    last.Send({"PING"});
    last.Expect("+PONG\r\n");
  }
}

TEST_F(EventLoopTest, ManyClientsOnTwoLoopsEachReadTheirOwnWrites) {
  Start(2, Durability::kAlways);
  constexpr int kClients = 8;
  const int64_t rounds = TestSize(400);
  std::vector<std::thread> threads;
  threads.reserve(kClients);
  for (int who = 0; who < kClients; ++who) {
    threads.emplace_back([this, who, rounds] {
      TcpClient client(port_);
      const std::string key = "k" + std::to_string(who);
      for (int64_t i = 0; i < rounds; ++i) {
        const std::string value = std::to_string(i);
        client.SendBytes(Encode({"SET", key, value}) + Encode({"GET", key}) +
                         Encode({"IDEM.BEGIN", "shared" + value}));
        client.Expect("+OK\r\n" + Bulk(value) + "*5\r\n$");
        const bool claimed = client.Receive(1) == "7";
        const size_t fixed = std::string_view("\r\nCLAIMED\r\n:").size();
        client.Receive(claimed ? fixed : std::string_view("\r\nBUSY\r\n$7\r\nrunning\r\n:").size());
        // Three more numbers and, of a claim, an empty array; lines of unknown length.
        for (int lines = 0; lines < (claimed ? 4 : 3);) lines += client.Receive(1) == "\n" ? 1 : 0;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(store_->GetStats().claims, static_cast<uint64_t>(rounds));
}

TEST_F(EventLoopTest, ConnectionsSpreadOverTheLoops) {
  Start(4);
  std::vector<std::unique_ptr<TcpClient>> clients;
  clients.reserve(12);
  for (int i = 0; i < 12; ++i) {
    clients.push_back(std::make_unique<TcpClient>(port_));
    clients.back()->Send({"PING"});
    clients.back()->Expect("+PONG\r\n");
  }
  for (const LoopStats& loop : server_->context().loops) EXPECT_EQ(loop.commands.value(), 3u);
}

TEST_F(EventLoopTest, DrainAnswersWhatWasExecuted) {
  Start(2, Durability::kAlways);
  std::vector<std::unique_ptr<TcpClient>> clients;
  clients.reserve(20);
  for (int i = 0; i < 20; ++i) {
    clients.push_back(std::make_unique<TcpClient>(port_));
    clients.back()->Send({"PING"});
    clients.back()->Expect("+PONG\r\n");
  }
  for (const auto& client : clients) client->Send({"INCOMPLETE"});
  for (const auto& client : clients) client->Receive(1);
  for (int i = 0; i < 20; ++i) clients[static_cast<size_t>(i)]->Send({"SET", "k", "v"});
  server_->RequestStop(StopMode::kDrain);
  server_->Join();
  // Each was executed and answered, or not executed at all: never half an answer.
  for (const auto& client : clients) {
    const std::string rest = client->ReceiveAll();
    EXPECT_TRUE(rest.ends_with("with: \r\n") || rest.ends_with("+OK\r\n")) << rest;
  }
}

// Out of file descriptors: who is connected is served, and who waits is let in later.
TEST_F(EventLoopTest, SurvivesRunningOutOfFileDescriptors) {
  Start(1);
  TcpClient client(port_);
  client.Send({"PING"});
  client.Expect("+PONG\r\n");
  TcpClient waiting(port_);  // its own descriptor is taken before the limit is set
  waiting.Send({"PING"});
  waiting.Expect("+PONG\r\n");

  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // Takes every number below the limit but one, which the next client uses; none is left to accept.
  rlimit low = before;
  low.rlim_cur = 64;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  std::vector<UniqueFd> taken;
  for (UniqueFd one(dup(client.fd())); one.valid(); one = UniqueFd(dup(client.fd())))
    taken.push_back(std::move(one));
  ASSERT_FALSE(taken.empty());
  taken.pop_back();
  TcpClient late(port_);
  late.Send({"PING"});
  client.Send({"PING"});
  client.Expect("+PONG\r\n");
  taken.clear();
  late.Expect("+PONG\r\n");
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
}

}  // namespace
}  // namespace idem::server
