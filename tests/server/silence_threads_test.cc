// Who is silent for too long is closed, and nobody else; on real sockets, under a fake clock.
#include <map>
#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "idem/store.h"
#include "server/server.h"
#include "tests/server/client.h"
#include "tests/server/tcp_client.h"

namespace idem::server {
namespace {

class Silence : public testing::Test {
 protected:
  void Start(int timeout_s, const std::vector<UserSpec>& users = {}) {
    ServerOptions options = OneThreadServer::InMemory();
    options.port = 0;
    options.timeout_s = timeout_s;
    options.users = users;
    options.store.clock = &clock_;
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options.store);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(options, store_.get());
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    port_ = server_->context().options.port;
  }

  static void Expect(TcpClient& client, const Words& words, const std::string& answer) {
    client.Send(words);
    client.Expect(answer);
  }
  void Claim(const std::string& key) {
    const Request begin = {.op = Op::kBegin, .key = key, .lease_ms = 3'600'000};
    Reply reply;
    ASSERT_EQ(store_->Execute({&begin, 1}, {&reply, 1}), 1u);
    tokens_[key] = reply.token;
  }
  static void Ping(TcpClient& client) { Expect(client, {"PING"}, "+PONG\r\n"); }

  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
  std::map<std::string, Token> tokens_;
};

TEST_F(Silence, ATimeoutClosesTheSilentAndSparesTheOthers) {
  Start(60);
  TcpClient silent(port_), busy(port_);
  Ping(silent);
  for (int i = 0; i < 3; ++i) {
    Ping(busy);
    clock_.Advance(30'000);
    Ping(busy);
  }
  EXPECT_EQ(silent.ReceiveAll(), "");
  Ping(busy);
}

TEST_F(Silence, WithoutATimeoutNobodyIsClosed) {
  Start(0);
  TcpClient silent(port_), busy(port_);
  Ping(silent);
  clock_.Advance(1'000'000'000);
  Ping(busy);
  Ping(silent);
}

TEST_F(Silence, ATimeoutThatComesLaterCountsFromThen) {
  Start(0);
  TcpClient silent(port_), busy(port_);
  Ping(silent);
  clock_.Advance(1'000'000);
  Expect(busy, {"CONFIG", "SET", "timeout", "60"}, "+OK\r\n");
  Ping(busy);
  clock_.Advance(59'000);
  Ping(silent);
  clock_.Advance(59'000);
  Ping(silent);
  clock_.Advance(60'000);
  // The loop sees to it by itself.
  EXPECT_EQ(silent.ReceiveAll(), "");
  EXPECT_EQ(busy.ReceiveAll(), "");
}

TEST_F(Silence, WhoWaitsForAnAnswerIsNotSilent) {
  Start(10);
  TcpClient waiter(port_), watcher(port_), worker(port_), silent(port_);
  Claim("begun");
  Claim("awaited");
  Ping(silent);
  waiter.Send({"IDEM.BEGIN", "begun", "WAIT", "60000"});
  watcher.Send({"IDEM.WAIT", "awaited", "60000"});
  while (store_->GetStats().waiting < 2) Ping(worker);
  for (int i = 0; i < 5; ++i) {
    clock_.Advance(9'000);
    Ping(worker);
  }
  EXPECT_EQ(silent.ReceiveAll(), "");
  for (const char* key : {"begun", "awaited"}) {
    Expect(worker, {"IDEM.COMPLETE", key, std::to_string(tokens_[key]), "v"}, "+OK\r\n");
  }
  for (TcpClient* const told : {&waiter, &watcher}) {
    told->Expect("*6\r\n$6\r\nREPLAY\r\n$9\r\ncompleted\r\n:0\r\n$1\r\nv\r\n:0\r\n:86400000\r\n");
  }
  clock_.Advance(9'000);
  for (TcpClient* const told : {&worker, &waiter, &watcher}) Ping(*told);
}

TEST_F(Silence, WhoDoesNotAuthenticateIsClosedHoweverMuchItSays) {
  const UserSpec bob = {
      .name = "bob", .role = Role::kClient, .prefix = "", .passwords = {DigestOf("secret")}};
  Start(0, {bob});
  TcpClient known(port_), stranger(port_);
  Expect(known, {"AUTH", "bob", "secret"}, "+OK\r\n");
  for (int i = 0; i < 3; ++i) {
    Expect(stranger, {"PING"}, "-NOAUTH Authentication required.\r\n");
    clock_.Advance(3'000);
  }
  Expect(stranger, {"PING"}, "-NOAUTH Authentication required.\r\n");
  clock_.Advance(1'000);
  EXPECT_EQ(stranger.ReceiveAll(), "");
  clock_.Advance(100'000);
  Ping(known);
}

}  // namespace
}  // namespace idem::server
