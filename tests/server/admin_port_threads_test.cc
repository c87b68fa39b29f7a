// The admin port over real sockets, beside a server that works. Nothing sleeps: the clock is moved
// by hand, and every wait is a blocking receive with a bound that only a failure reaches.
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "idem/store.h"
#include "server/admin/admin_port.h"
#include "server/admin/pages.h"
#include "server/server.h"
#include "tests/server/tcp_client.h"

namespace idem::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

std::string Get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}

std::string Ask(uint16_t port, std::string_view request) {
  TcpClient client(port);
  client.SendBytes(request);
  return client.ReceiveAll();
}

class AdminPortTest : public testing::Test {
 protected:
  AdminPortTest() {
    auto admin = AdminPort::Start(0, clock_, [](std::string_view path) {
      HttpResponse response;
      response.body = path == "/large" ? std::string(8 << 20, 'x') : std::string(path);
      return response;
    });
    EXPECT_TRUE(admin.ok()) << admin.status();
    admin_ = *std::move(admin);
  }

  FakeClock clock_;
  std::unique_ptr<AdminPort> admin_;
};

TEST_F(AdminPortTest, AnswersOnceAndCloses) {
  EXPECT_THAT(Ask(admin_->port(), Get("/a") + Get("/b")), EndsWith("\r\n\r\n/a"));
  EXPECT_THAT(Ask(admin_->port(), "POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n"),
              StartsWith("HTTP/1.1 405 "));
  EXPECT_THAT(Ask(admin_->port(), "\x16\x03\x01\x02"), StartsWith("HTTP/1.1 400 "));
  EXPECT_EQ(Ask(admin_->port(), Get("/large")).size() >> 20, 8u);
}

TEST_F(AdminPortTest, TakesARequestByteByByte) {
  TcpClient client(admin_->port());
  for (const char c : Get("/slow")) client.SendBytes({&c, 1});
  EXPECT_THAT(client.ReceiveAll(), EndsWith("/slow"));
}

TEST_F(AdminPortTest, DropsWhoIsNotDoneInTime) {
  TcpClient mute(admin_->port()), half(admin_->port()), deaf(admin_->port());
  half.SendBytes("GET /");
  deaf.SendBytes(Get("/large"));
  EXPECT_EQ(deaf.Receive(8), "HTTP/1.1");
  EXPECT_THAT(Ask(admin_->port(), Get("/a")), EndsWith("/a")) << "nobody waits for them";
  clock_.Advance(AdminPort::kTimeoutMs);
  EXPECT_EQ(mute.ReceiveAll(), "");
  EXPECT_EQ(half.ReceiveAll(), "");
}

TEST_F(AdminPortTest, DropsTheOldestOfTooMany) {
  std::vector<std::unique_ptr<TcpClient>> idle;
  for (size_t i = 0; i < AdminPort::kConnections; ++i) {
    idle.push_back(std::make_unique<TcpClient>(admin_->port()));
  }
  EXPECT_THAT(Ask(admin_->port(), Get("/a")), EndsWith("/a"));
  EXPECT_EQ(idle.front()->ReceiveAll(), "");
  idle.back()->SendBytes(Get("/b"));
  EXPECT_THAT(idle.back()->ReceiveAll(), EndsWith("/b"));
}

TEST_F(AdminPortTest, StopsUnderVisitors) {
  TcpClient idle(admin_->port());
  EXPECT_THAT(Ask(admin_->port(), Get("/a")), EndsWith("/a"));
  admin_.reset();
  EXPECT_EQ(idle.ReceiveAll(), "");
}

class AdminPagesTest : public testing::Test {
 protected:
  AdminPagesTest() {
    options_.port = 0;
    options_.admin_port = 0;
    options_.threads = 2;
    options_.store.durability = Durability::kMemory;
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_.store);
    EXPECT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
    absl::StatusOr<std::unique_ptr<Server>> server = Server::Start(options_);
    EXPECT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
  }

  std::string Page(std::string_view path) {
    return Ask(static_cast<uint16_t>(server_->context().options.admin_port), Get(path));
  }

  ServerOptions options_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Server> server_;
};

TEST_F(AdminPagesTest, ReadinessFollowsTheStore) {
  EXPECT_THAT(Page("/healthz"), EndsWith("\r\n\r\nok\n"));
  EXPECT_THAT(Page("/readyz"), StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(Page("/readyz"), EndsWith("\r\n\r\nloading\n"));
  EXPECT_THAT(Page("/metrics"), HasSubstr("\nidem_loading 1\n"));
  server_->Serve(store_.get());
  EXPECT_THAT(Page("/readyz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  server_->RequestStop(StopMode::kDrain);
  EXPECT_THAT(Page("/readyz"), EndsWith("\r\n\r\nstopping\n"));
  EXPECT_THAT(Page("/healthz"), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(Page("/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Page("/metrics/"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(AdminPagesTest, MetricsAreReadWhileClientsWork) {
  server_->Serve(store_.get());
  std::thread worker([this] {
    TcpClient client(server_->context().options.port);
    for (int i = 0; i < 200; ++i) {
      client.Send({"SET", "key", "value"});
      client.Expect("+OK\r\n");
    }
  });
  for (int i = 0; i < 5; ++i) EXPECT_THAT(Page("/metrics"), HasSubstr("\nidem_ready 1\n"));
  worker.join();
  const std::string page = Page("/metrics");
  EXPECT_THAT(page, HasSubstr("\nidem_commands_total{cmd=\"set\"} 200\n"));
  EXPECT_THAT(page, HasSubstr("\nidem_entries{state=\"plain\"} 1\n"));
}

TEST_F(AdminPagesTest, APortThatIsTakenIsTold) {
  ServerOptions second = options_;
  second.admin_port = server_->context().options.admin_port;
  EXPECT_THAT(std::string(Server::Start(second).status().message()),
              testing::ContainsRegex("cannot listen on 127.0.0.1:[0-9]+: Address already in use; "
                                     "--admin-port names another one"));
}

}  // namespace
}  // namespace idem::server
