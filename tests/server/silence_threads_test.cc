// Who is silent for too long is closed, and nobody else; on real sockets, under a fake clock.
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
  static void Ping(TcpClient& client) { Expect(client, {"PING"}, "+PONG\r\n"); }

  FakeClock clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
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
