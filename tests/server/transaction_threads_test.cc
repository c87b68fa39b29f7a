// Clients of several event loops that read and write back the same keys: nobody's update is lost.
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "server/server.h"
#include "tests/server/tcp_client.h"
#include "tests/support/test_size.h"

namespace idem::server {
namespace {

constexpr int kLoops = 4;

class TransactionThreads : public testing::Test {
 protected:
  TransactionThreads() {
    ServerOptions options;
    options.port = 0;
    options.threads = kLoops;
    options.store.durability = Durability::kMemory;
    store_ = *Store::Open(options.store);
    server_ = *Server::Start(options, store_.get());
    port_ = server_->context().options.port;
  }

  // `talk(client, i)` on a thread and a connection of its own, kLoops times.
  template <typename Talk>
  void Together(const Talk& talk) {
    std::vector<std::thread> threads;
    threads.reserve(kLoops);
    for (int i = 0; i < kLoops; ++i) {
      threads.emplace_back([this, &talk, i] {
        TcpClient client(port_);
        talk(client, i);
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  std::unique_ptr<Store> store_;
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
};

TEST_F(TransactionThreads, NoIncrementIsLost) {
  const int64_t count = TestSize(20'000);
  Together([count](TcpClient& client, int) {
    std::string pipeline;
    for (int64_t i = 0; i < count; ++i) pipeline += Encode({"INCR", "n"});
    client.SendBytes(pipeline);
    client.EndInput();
    client.ReceiveAll();
  });
  TcpClient client(port_);
  client.Send({"GET", "n"});
  client.Expect(Bulk(std::to_string(kLoops * count)));
}

}  // namespace
}  // namespace idem::server
