// A server that answers while its store is still being opened. The disk stands still for as long as
// a test wants; nothing sleeps.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "server/command_table.h"
#include "server/server.h"
#include "server/store_opening.h"
#include "tests/server/client.h"
#include "tests/server/tcp_client.h"
#include "tests/support/gated_file_system.h"

namespace idem::server {
namespace {

constexpr std::string_view kLoadingLine = "-LOADING Idem is loading the dataset in memory\r\n";

class LoadingTest : public testing::Test {
 protected:
  LoadingTest() {
    options_.port = 0;
    options_.threads = 2;
    options_.store.directory = "/store";
    options_.store.file_system = &files_;
    options_.store.segment_bytes = 4 << 20;
    options_.store.policy.max_response_bytes = 1 << 20;
  }

  // A store with one register, and the server that opens it: it hangs at the first segment.
  void StartHanging() {
    {
      const auto store = Store::Open(options_.store);
      ASSERT_TRUE(store.ok()) << store.status();
      Request put;
      put.op = Op::kPut;
      put.key = "key";
      put.value = "value";
      Reply reply;
      ASSERT_EQ((*store)->Execute({&put, 1}, {&reply, 1}), 1u);
    }
    options_.store.file_system = &gate_;
    auto server = Server::Start(options_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    opening_ = std::make_unique<StoreOpening>(options_.store, &server_->loading());
    gate_.AwaitReader();
  }
  StoreOpening::Opened Finish() {
    gate_.OpenGate();
    return opening_->Take();
  }
  void Serve() {
    auto store = Finish();
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    server_->Serve(store_.get());
  }
  uint16_t port() const { return server_->context().options.port; }

  MemoryFileSystem files_;
  GatedFileSystem gate_{&files_, "/wal-"};
  ServerOptions options_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<StoreOpening> opening_;
};

std::string Info(TcpClient& client, const std::string& section) {
  client.Send({"INFO", section});
  std::string head;
  while (!head.ends_with("\r\n")) head += client.Receive(1);
  const std::string text = client.Receive(std::stoul(head.substr(1)));
  client.Expect("\r\n");
  return text;
}

TEST_F(LoadingTest, AnswersLoadingAsRedisDoes) {
  StartHanging();
  TcpClient client(port());
  for (const Words& command :
       {Words{"GET", "key"}, Words{"PING"}, Words{"IDEM.BEGIN", "key"}, Words{"DBSIZE"},
        Words{"SCAN", "0"}, Words{"SET", "key", "other"}, Words{"DEL", "key", "other"}}) {
    client.Send(command);
    client.Expect(kLoadingLine);
  }
  client.Send({"ECHO", "hello"});
  client.Expect(Bulk("hello"));
  client.Send({"SELECT", "0"});
  client.Expect("+OK\r\n");
  client.Send({"CLIENT", "SETNAME", "early"});
  client.Expect("+OK\r\n");
  client.Send({"GET"});
  client.Expect("-ERR wrong number of arguments for 'get' command\r\n");
  EXPECT_THAT(Info(client, "persistence"), testing::HasSubstr("loading:1\r\n"));
  EXPECT_THAT(Info(client, "persistence"), testing::HasSubstr("loading_eta_seconds:1\r\n"));
  EXPECT_THAT(Info(client, "everything"), testing::HasSubstr("durability:always\r\n"));
  EXPECT_THAT(Info(client, "idem"), testing::HasSubstr("ready:0\r\n"));
  Serve();
}

// A row that says it works while loading must do without the store.
TEST_F(LoadingTest, EveryCommandIsAnswered) {
  StartHanging();
  TcpClient client(port());
  const CommandTable table;
  for (const Command* command : table.commands()) {
    if (command->name == "quit") continue;
    Words words(static_cast<size_t>(std::abs(command->arity)), "1");
    words[0] = command->name;
    client.Send(words);
    client.Send({"ECHO", "marker"});
    std::string answer;
    while (!answer.ends_with(Bulk("marker"))) {
      const std::string part = client.Receive(1);
      ASSERT_FALSE(part.empty()) << command->name;
      answer += part;
    }
    const bool works = (command->flags & (kLoading | kContainer)) != 0;
    EXPECT_EQ(answer.starts_with(kLoadingLine), !works) << command->name << ": " << answer;
  }
  Serve();
}

TEST_F(LoadingTest, AClientThatCameEarlyIsServedOnTheSameConnection) {
  StartHanging();
  TcpClient client(port()), other(port());
  client.SendBytes(Encode({"GET", "key"}) + Encode({"ECHO", "x"}) + Encode({"GET", "key"}) +
                   "*2\r\n$3\r\nGET\r\n");  // the rest comes when the store is there
  client.Expect(std::string(kLoadingLine) + Bulk("x") + std::string(kLoadingLine));
  Serve();
  client.SendBytes("$3\r\nkey\r\n" + Encode({"PING"}));
  client.Expect(Bulk("value") + "+PONG\r\n");
  EXPECT_THAT(Info(client, "persistence"), testing::HasSubstr("loading:0\r\n"));
  other.Send({"SET", "key", "new"});  // waits for a commit, so the loop must hear of it
  other.Expect("+OK\r\n");
  EXPECT_EQ(server_->loading().records.value(), 1u);
  EXPECT_EQ(server_->loading().bytes_read.value(), server_->loading().bytes_total.value());
}

TEST_F(LoadingTest, ARefusedOpenIsToldAndTheConnectionsAreClosed) {
  StartHanging();
  TcpClient client(port());
  client.Send({"PING"});
  client.Expect(kLoadingLine);
  const std::string manifest = *files_.Read("/store/MANIFEST");
  files_.FailCall(1, absl::UnavailableError("the disk is broken"), /*keep_failing=*/true);
  EXPECT_EQ(Finish().status(), absl::UnavailableError("the disk is broken"));
  server_.reset();
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_EQ(*files_.Read("/store/MANIFEST"), manifest);
}

TEST_F(LoadingTest, StopsWhileItLoads) {
  StartHanging();
  TcpClient client(port());
  server_->RequestStop(StopMode::kDrain);
  server_->Join();
  EXPECT_EQ(client.ReceiveAll(), "");
  EXPECT_TRUE(Finish().ok());
}

}  // namespace
}  // namespace idem::server
