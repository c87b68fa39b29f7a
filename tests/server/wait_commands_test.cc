// BEGIN .. WAIT and IDEM.WAIT as clients see them: who is told what, and what it holds back.
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

constexpr char kReplay[] =
    "*6\r\n$6\r\nREPLAY\r\n$9\r\ncompleted\r\n:201\r\n$7\r\nreceipt\r\n:0\r\n:86400000\r\n";

class WaitCommandsTest : public testing::Test {
 protected:
  // As the event loop does.
  void Deliver() {
    for (WaitedReplies::Waited& waited : server_.loop().waited.Take()) {
      for (Client* const client : {&worker_, &first_, &second_}) {
        if (client->connection().id() != waited.client) continue;
        client->connection().TellWaited(waited.reply);
      }
    }
  }
  void Advance(int64_t ms) {
    server_.clock().Advance(ms);
    server_.store().Step(Store::StepKind::kExpire);
    Deliver();
  }
  // The token of a claim; "0" if it is none.
  static std::string TokenIn(const std::string& reply) {
    constexpr std::string_view kClaimed = "*5\r\n$7\r\nCLAIMED\r\n:";
    if (!reply.starts_with(kClaimed)) return "0";
    return reply.substr(kClaimed.size(), reply.find('\r', kClaimed.size()) - kClaimed.size());
  }
  std::string Claim(const Words& options = {}) {
    Words begin = {"IDEM.BEGIN", "k"};
    begin.insert(begin.end(), options.begin(), options.end());
    return TokenIn(worker_.Ask(begin));
  }
  uint64_t waiting() { return server_.store().GetStats().waiting; }

  OneThreadServer server_;
  Client worker_{server_}, first_{server_}, second_{server_};
};

TEST_F(WaitCommandsTest, ADoubleClickGetsTheOneResult) {
  const std::string token = Claim();
  EXPECT_EQ(first_.Ask({"IDEM.BEGIN", "k", "WAIT", "5000"}), "");
  EXPECT_EQ(second_.Ask({"IDEM.BEGIN", "k", "wait", "5000", "OWNER", "me"}), "");
  EXPECT_EQ(waiting(), 2u);
  EXPECT_EQ(worker_.Ask({"IDEM.COMPLETE", "k", token, "receipt", "CODE", "201"}), "+OK\r\n");
  Deliver();
  EXPECT_EQ(first_.Receive(), kReplay);
  EXPECT_EQ(second_.Receive(), kReplay);
  EXPECT_EQ(waiting(), 0u);
}

TEST_F(WaitCommandsTest, ItHoldsBackItsOwnConnectionOnly) {
  const std::string token = Claim();
  first_.Feed(Encode({"PING"}) + Encode({"IDEM.BEGIN", "k", "WAIT", "5000"}) +
              Encode({"SET", "a", "1"}) + Encode({"PING"}));
  EXPECT_EQ(first_.Receive(), "+PONG\r\n");
  EXPECT_FALSE(first_.connection().wants_input());
  EXPECT_EQ(second_.Ask({"GET", "a"}), "$-1\r\n") << "what is behind it has not happened";
  worker_.Ask({"IDEM.COMPLETE", "k", token, "receipt", "CODE", "201"});
  Deliver();
  EXPECT_EQ(first_.Receive(), std::string(kReplay) + "+OK\r\n+PONG\r\n");
  EXPECT_TRUE(first_.connection().wants_input());
}

TEST_F(WaitCommandsTest, OneAfterTheOtherInAPipeline) {
  const std::string token = Claim();
  const std::string wait = Encode({"IDEM.BEGIN", "k", "WAIT", "10"});
  first_.Feed(wait + wait);
  Advance(10);
  const std::string busy = "*5\r\n$4\r\nBUSY\r\n$7\r\nrunning\r\n:29990\r\n:1\r\n:10\r\n";
  EXPECT_EQ(first_.Receive(), busy);
  EXPECT_EQ(waiting(), 1u);
  worker_.Ask({"IDEM.COMPLETE", "k", token, "receipt", "CODE", "201"});
  Deliver();
  EXPECT_EQ(first_.Receive(), kReplay);
}

TEST_F(WaitCommandsTest, OnFailureTheOldestIsPromoted) {
  const std::string token = Claim({"LEASE", "100"});
  first_.Send({"IDEM.BEGIN", "k", "WAIT", "5000", "LEASE", "100"});
  second_.Send({"IDEM.BEGIN", "k", "WAIT", "5000"});
  worker_.Ask({"IDEM.FAIL", "k", token, "RETRY"});
  Deliver();
  EXPECT_NE(TokenIn(first_.Receive()), "0");
  EXPECT_EQ(second_.Receive(), "");
  Advance(100);
  EXPECT_NE(TokenIn(second_.Receive()), "0") << "the lease of the first is over";
}

TEST_F(WaitCommandsTest, ADroppedConnectionForgetsItsWaiter) {
  const std::string token = Claim();
  auto gone = std::make_unique<Client>(server_);
  gone->Send({"IDEM.BEGIN", "k", "WAIT", "5000"});
  first_.Send({"IDEM.BEGIN", "k", "WAIT", "5000"});
  EXPECT_EQ(waiting(), 2u);
  gone.reset();
  EXPECT_EQ(waiting(), 1u);
  worker_.Ask({"IDEM.FAIL", "k", token, "RETRY"});
  Deliver();
  EXPECT_NE(TokenIn(first_.Receive()), "0");
  second_.Send({"IDEM.BEGIN", "k", "WAIT", "5000"});
  second_.connection().Close();
  EXPECT_EQ(waiting(), 0u);
}

TEST_F(WaitCommandsTest, AMismatchIsAnsweredAtOnce) {
  Claim({"FP", "abc"});
  EXPECT_EQ(first_.Ask({"IDEM.BEGIN", "k", "WAIT", "5000"}),
            "*2\r\n$8\r\nMISMATCH\r\n$7\r\nrunning\r\n");
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "5000"}), "*2\r\n$8\r\nMISMATCH\r\n$7\r\nrunning\r\n");
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "5000", "FP", "abc"}), "");
  EXPECT_EQ(waiting(), 1u);
}

TEST_F(WaitCommandsTest, WaitTellsTheFinishAndClaimsNothing) {
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "5000"}), "*-1\r\n");
  const std::string token = Claim({"LEASE", "100"});
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "0"}),
            "*5\r\n$4\r\nBUSY\r\n$7\r\nrunning\r\n:100\r\n:1\r\n:0\r\n");
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "200"}), "");
  Advance(200);
  EXPECT_EQ(first_.Receive(), "*5\r\n$4\r\nBUSY\r\n$7\r\nrunning\r\n:0\r\n:1\r\n:200\r\n");
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "200"}), "");
  worker_.Ask({"IDEM.COMPLETE", "k", token, "receipt", "CODE", "201"});
  Deliver();
  EXPECT_EQ(first_.Receive(), kReplay);
  const std::string usage = "; usage: IDEM.WAIT key milliseconds [FP digest | BODY bytes]\r\n";
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "x"}),
            "-ERR time to wait is not an integer or out of range; it takes 0 or more\r\n");
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "1", "LEASE"}), "-SYNTAX error at 'LEASE'" + usage);
  EXPECT_EQ(first_.Ask({"IDEM.WAIT", "k", "60001"}),
            "-ERR time to wait must be 0 to 60000 ms (one minute)\r\n");
}

TEST_F(WaitCommandsTest, BetweenMultiAndExecNobodyWaits) {
  Claim();
  EXPECT_EQ(first_.Ask({"MULTI"}), "+OK\r\n");
  EXPECT_EQ(first_.Ask({"IDEM.BEGIN", "k", "WAIT", "5000"}),
            "-ERR Command not allowed inside a transaction\r\n");
  EXPECT_EQ(waiting(), 0u);
}

// The answer leaves when what it tells is committed, as any other.
TEST(WaitCommandsOnDiskTest, AnAnswerThatWasWaitedForIsGated) {
  MemoryFileSystem files;
  OneThreadServer server(OneThreadServer::OnDisk(&files));
  Client worker(server), waiter(server);
  worker.Send({"IDEM.BEGIN", "k"});
  server.Commit();
  const std::string claimed = worker.Receive();
  const std::string token = claimed.substr(18, claimed.find('\r', 18) - 18);
  waiter.Send({"IDEM.BEGIN", "k", "WAIT", "5000"});
  worker.Send({"IDEM.COMPLETE", "k", token, "receipt", "CODE", "201"});
  for (WaitedReplies::Waited& waited : server.loop().waited.Take()) {
    waiter.connection().TellWaited(waited.reply);
  }
  EXPECT_EQ(waiter.Receive(), "");
  EXPECT_TRUE(waiter.connection().waits_for_commit());
  server.Commit();
  EXPECT_EQ(waiter.Receive(), kReplay);
}

}  // namespace
}  // namespace idem::server
