// IDEM.BEGINWINDOW: windows side by side count as one, and its key does for the other commands.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/both_protocols.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr int64_t kWindowMs = 60'000;
// Where a window begins, after the time at which the fake clock starts.
constexpr int64_t kBorderMs = 1'800'000'000'000 / kWindowMs * kWindowMs;

class WindowedCommands : public BothProtocols {
 protected:
  static Words Order(int64_t issued_ms, const Words& options = {}) {
    Words words = {"IDEM.BEGINWINDOW",        "orders", std::to_string(kWindowMs),
                   std::to_string(issued_ms), "BODY",   "two pizzas"};
    words.insert(words.end(), options.begin(), options.end());
    return words;
  }
  // Where the claim stands, and its token.
  struct Claimed {
    std::string key;
    std::string token;
  };
  static Claimed Read(const std::string& answer) {
    constexpr std::string_view kClaimed = "\r\n*5\r\n$7\r\nCLAIMED\r\n:";
    const size_t at = answer.find(kClaimed);
    if (!answer.starts_with("*2\r\n$") || at == answer.npos) {
      ADD_FAILURE() << "not claimed: " << answer;
      return {};
    }
    const size_t key = answer.find("\r\n", 4) + 2;
    const size_t token = at + kClaimed.size();
    return {answer.substr(key, at - key), answer.substr(token, answer.find('\r', token) - token)};
  }
};

TEST_F(WindowedCommands, ARetryAcrossTheBorderIsADuplicate) {
  const Claimed claimed = Read(client2_.Ask(Order(kBorderMs - 1)));
  EXPECT_THAT(claimed.key, StartsWith("orders:"));
  EXPECT_THAT(claimed.key, EndsWith(":" + std::to_string(kBorderMs / kWindowMs - 1)));
  const std::string at = "*2\r\n" + Bulk(claimed.key);
  EXPECT_EQ(client2_.Ask(Order(kBorderMs)),
            at + "*5\r\n$4\r\nBUSY\r\n$7\r\nrunning\r\n:30000\r\n:1\r\n:0\r\n");
  EXPECT_EQ(client2_.Ask({"IDEM.COMPLETE", claimed.key, claimed.token, "delivery 1"}), "+OK\r\n");
  for (const int64_t issued : {kBorderMs - 1, kBorderMs, kBorderMs + kWindowMs - 1}) {
    EXPECT_THAT(client2_.Ask(Order(issued)), StartsWith(at + "*6\r\n$6\r\nREPLAY\r\n")) << issued;
  }
  const Claimed next = Read(client2_.Ask(Order(kBorderMs + kWindowMs)));
  EXPECT_NE(next.key, claimed.key);
}

TEST_F(WindowedCommands, TheOrderOfArrivalDoesNotMatter) {
  const Claimed claimed = Read(client3_.Ask(Order(kBorderMs)));
  EXPECT_THAT(client3_.Ask(Order(kBorderMs - 1)), HasSubstr(claimed.key + "\r\n*5\r\n$4\r\nBUSY"));
}

TEST_F(WindowedCommands, TheNextAttemptTakesOverFromTheNeighbour) {
  const Claimed first = Read(client2_.Ask(Order(kBorderMs - 1, {"LEASE", "10", "OWNER", "a"})));
  EXPECT_EQ(Read(client2_.Ask(Order(kBorderMs, {"OWNER", "a", "LEASE", "10"}))).token, first.token);
  EXPECT_EQ(client2_.Ask({"IDEM.STEP", first.key, first.token, "charge", "ch_1"}), "+OK\r\n");
  server2_.clock().Advance(10);
  const std::string second = client2_.Ask(Order(kBorderMs));
  EXPECT_EQ(Read(second).key, first.key);
  EXPECT_THAT(second, EndsWith(":2\r\n:30000\r\n*1\r\n*2\r\n$6\r\ncharge\r\n$4\r\nch_1\r\n"));
}

TEST_F(WindowedCommands, ScopesAndRequestsAreApart) {
  Read(client2_.Ask(Order(kBorderMs)));
  Words other = Order(kBorderMs);
  other[1] = "invoices";
  EXPECT_THAT(Read(client2_.Ask(other)).key, StartsWith("invoices:"));
  other = Order(kBorderMs);
  other[5] = "one pizza";
  Read(client2_.Ask(other));
  other[1] = "";
  EXPECT_EQ(Read(client2_.Ask(other)).key.find(':'), 32u) << "no scope: as in the library";
}

TEST_F(WindowedCommands, ExplainsItsErrors) {
  ExpectError({"IDEM.BEGINWINDOW", "s", "0", "1", "FP", "d"},
              "ERR window is not an integer or out of range; it takes 1 or more");
  ExpectError({"IDEM.BEGINWINDOW", "s", "1", "x", "FP", "d"},
              "ERR time of issue is not an integer or out of range; it takes 1 or more");
  const std::string usage =
      "; usage: IDEM.BEGINWINDOW scope window-milliseconds issued-unix-time-milliseconds <FP "
      "digest "
      "| BODY bytes> [LEASE milliseconds] [TTL milliseconds] [OWNER nonce] [HOLD]";
  ExpectError(Order(kBorderMs, {"NOWAIT"}), "SYNTAX error at 'NOWAIT'" + usage);
  ExpectError(Order(kBorderMs, {"FP", "d"}), "SYNTAX error at 'FP'" + usage);
  ExpectError({"IDEM.BEGINWINDOW", "s", "1", "1", "LEASE", "1"},
              "ERR a windowed key needs a fingerprint");
  ExpectError(Order(kBorderMs, {"TTL", "120000"}),
              "ERR two windows must be shorter than retention");
  Words words = Order(kBorderMs);
  words[1] = std::string(1024, 's');
  EXPECT_THAT(client2_.Ask(words), StartsWith("-ERR key"));
  EXPECT_EQ(client2_.Ask({"DBSIZE"}), ":0\r\n");
  const int64_t late = server2_.clock().WallMs() - 86'400'000;
  EXPECT_THAT(client2_.Ask(Order(late)), EndsWith("*1\r\n$6\r\nTOOOLD\r\n"));
}

// The loop never waits: an answer is kept until what it says is committed.
TEST(WindowedCommandsOnDisk, AnswersWhenItsClaimIsCommitted) {
  MemoryFileSystem files;
  OneThreadServer server{OneThreadServer::OnDisk(&files)};
  Client first{server}, second{server};
  for (Client* const client : {&first, &second}) {
    client->Send({"IDEM.BEGINWINDOW", "s", "1000", "1800000000000", "FP", "digest"});
    EXPECT_EQ(client->Receive(), "");
  }
  server.Commit();
  EXPECT_THAT(first.Receive(), HasSubstr("CLAIMED"));
  EXPECT_THAT(second.Receive(), HasSubstr("BUSY"));
}

}  // namespace
}  // namespace idem::server
