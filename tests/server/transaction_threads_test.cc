// Clients of several event loops that read and write back the same keys: nobody's update is lost.
#include <string>
#include <thread>
#include <utility>
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

// Nobody sees one half of a transaction, and none is lost.
TEST_F(TransactionThreads, ExecHappensAtOnce) {
  const int64_t count = TestSize(5'000);
  std::string answers[kLoops];
  Together([&](TcpClient& client, int i) {
    std::string pipeline;
    for (int64_t round = 0; round < count; ++round) {
      const Words first = {"INCR", i % 2 == 0 ? "a" : "b"},
                  second = {"INCR", i % 2 == 0 ? "b" : "a"};
      pipeline += i == 0 ? Encode({"MULTI"}) + Encode({"GET", "a"}) + Encode({"GET", "b"})
                         : Encode({"MULTI"}) + Encode(first) + Encode(second);
      pipeline += Encode({"EXEC"});
    }
    client.SendBytes(pipeline);
    client.EndInput();
    answers[i] = client.ReceiveAll();
  });
  TcpClient client(port_);
  client.Send({"MGET", "a", "b"});
  const std::string sum = Bulk(std::to_string((kLoops - 1) * count));
  client.Expect("*2\r\n" + sum + sum);
  const std::string_view queued = "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n";
  std::string_view pairs = answers[0];
  while (pairs.starts_with(queued)) {
    pairs.remove_prefix(queued.size());
    const std::string_view both = pairs.substr(0, pairs.find('+'));
    EXPECT_EQ(both.substr(0, both.size() / 2), both.substr(both.size() / 2));
    pairs.remove_prefix(both.size());
  }
  EXPECT_EQ(pairs, "");
}

// Two keys are watched, one is written: the other one must not have changed either. Without that
// both threads of a pair could pass.
TEST_F(TransactionThreads, AWatchedKeyThatIsOnlyReadIsGuarded) {
  const int64_t rounds = TestSize(500);
  for (int64_t round = 0; round < rounds; ++round) {
    const std::string left = "left" + std::to_string(round),
                      right = "right" + std::to_string(round);
    {
      TcpClient client(port_);
      client.Send({"MSET", left, "0", right, "0"});
      client.Expect("+OK\r\n");
    }
    Together([&](TcpClient& client, int i) {
      client.Send({"WATCH", left, right});
      client.Expect("+OK\r\n");
      client.Send({"MGET", left, right});
      const std::string free = "*2\r\n" + Bulk("0") + Bulk("0");
      if (client.Receive(free.size()) != free) return;
      client.SendBytes(Encode({"MULTI"}) + Encode({"SET", i % 2 == 0 ? left : right, "1"}) +
                       Encode({"EXEC"}));
      client.Expect("+OK\r\n+QUEUED\r\n");
      client.Receive(5);
    });
    TcpClient client(port_);
    client.Send({"MGET", left, right});
    const std::string answer = client.Receive(18);
    EXPECT_TRUE(answer.ends_with(Bulk("0") + Bulk("1")) || answer.ends_with(Bulk("1") + Bulk("0")))
        << answer;
  }
}

// Each round every thread claims the same two keys by the script of the redlock family.
TEST_F(TransactionThreads, OneClaimsAllKeys) {
  constexpr char kClaimAll[] =
      "for i, key in ipairs(KEYS) do if redis.call('exists', key) == 1 then return 0 end end "
      "for i, key in ipairs(KEYS) do redis.call('set', key, ARGV[1], 'PX', ARGV[2]) end "
      "return #KEYS";
  const auto rounds = static_cast<size_t>(TestSize(5'000));
  std::string answers[kLoops];
  Together([&](TcpClient& client, int i) {
    std::string pipeline;
    for (size_t round = 0; round < rounds; ++round) {
      Words keys = {"a" + std::to_string(round), "b" + std::to_string(round)};
      if (i % 2 == 1) std::swap(keys[0], keys[1]);
      pipeline += Encode(
          {"EVAL", kClaimAll, "2", keys[0], keys[1], "owner" + std::to_string(i), "1000000"});
    }
    client.SendBytes(pipeline);
    client.EndInput();
    answers[i] = client.ReceiveAll();
  });
  for (const std::string& answer : answers) ASSERT_EQ(answer.size(), 4 * rounds);
  for (size_t round = 0; round < rounds; ++round) {
    int winners = 0;
    for (const std::string& answer : answers) winners += answer[4 * round + 1] == '2' ? 1 : 0;
    EXPECT_EQ(winners, 1) << "round " << round;
  }
}

}  // namespace
}  // namespace idem::server
