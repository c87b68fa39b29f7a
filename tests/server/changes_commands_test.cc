// IDEM.CHANGES as a client sees it: pages, cursors, waiting, and what ends a wait.
#include <string>

#include "gtest/gtest.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

class ChangesCommandsTest : public testing::Test {
 protected:
  // The claim has token 1 in its epoch; every call is committed.
  void Finish(const std::string& key, const std::string& response, const Words& how = {}) {
    Client client(server_);
    client.Send({"IDEM.BEGIN", key});
    server_.Commit();
    const std::string claimed = client.Receive();
    const size_t begin = claimed.find(':') + 1;
    token_ = claimed.substr(begin, claimed.find("\r\n", begin) - begin);
    Words finish = {"IDEM.COMPLETE", key, token_, response};
    if (!how.empty()) finish = {"IDEM.FAIL", key, token_, "FINAL", response};
    finish.insert(finish.end(), how.begin(), how.end());
    client.Send(finish);
    server_.Commit();
    EXPECT_EQ(client.Receive(), "+OK\r\n");
  }
  std::string Ask(const Words& words) { return client_.Ask(words); }
  // What begins so.
  void ExpectError(const Words& words, const std::string& error) {
    const std::string answer = Ask(words);
    EXPECT_EQ(answer.substr(0, error.size() + 1), "-" + error) << answer;
  }
  static std::string Page(int next, int synced, int changes) {
    return "*3\r\n:" + std::to_string(next) + "\r\n:" + std::to_string(synced) + "\r\n*" +
           std::to_string(changes) + "\r\n";
  }
  std::string Change(int lsn, const std::string& what, const std::string& key, int code,
                     const std::string& response) {
    return "*7\r\n:" + std::to_string(lsn) + "\r\n" + Bulk(what) + Bulk(key) + ":" + token_ +
           "\r\n:" + std::to_string(code) + "\r\n" + Bulk(response) + ":1\r\n";
  }

  MemoryFileSystem files_;
  OneThreadServer server_{OneThreadServer::OnDisk(&files_)};
  Client client_{server_};
  std::string token_;
};

TEST_F(ChangesCommandsTest, TellsAPageAndWhereToGoOn) {
  EXPECT_EQ(Ask({"IDEM.CHANGES", "0"}), Page(0, 0, 0));
  Finish("a", "one", {"CODE", "402"});
  const std::string first = Change(2, "failed_final", "a", 402, "one");
  Finish("b", "two");
  const std::string second = Change(4, "completed", "b", 0, "two");
  EXPECT_EQ(Ask({"IDEM.CHANGES", "0"}), Page(4, 4, 2) + first + second);
  EXPECT_EQ(Ask({"idem.changes", "0", "count", "1"}), Page(2, 4, 1) + first);
  EXPECT_EQ(Ask({"IDEM.CHANGES", "2"}), Page(4, 4, 1) + second);
  EXPECT_EQ(Ask({"IDEM.CHANGES", "4"}), Page(4, 4, 0));
}

TEST_F(ChangesCommandsTest, AResponseThatWasNotKeptIsNull) {
  Finish("a", std::string(9 << 10, 'x'));
  const std::string answer = Ask({"IDEM.CHANGES", "0"});
  EXPECT_TRUE(answer.ends_with(":" + token_ + "\r\n:0\r\n$-1\r\n:1\r\n")) << answer;
}

TEST_F(ChangesCommandsTest, TellsStepsAndSequencesToWhoAsks) {
  for (const std::string seq : {"0", "1", "4", "3"}) {
    Client producer(server_);
    producer.Send({"IDEM.SEQ", "p", "7", seq, "WINDOW", "64"});
    server_.Commit();
    producer.Receive();
  }
  Client worker(server_);
  worker.Send({"IDEM.BEGIN", "a"});
  server_.Commit();
  const std::string claimed = worker.Receive();
  const size_t begin = claimed.find(':') + 1;
  const std::string token = claimed.substr(begin, claimed.find("\r\n", begin) - begin);
  worker.Send({"IDEM.STEP", "a", token, "charge", "ch_1"});
  server_.Commit();
  EXPECT_EQ(worker.Receive(), "+OK\r\n");
  const auto seq = [](int lsn, int expected, const std::string& ahead) {
    return "*6\r\n:" + std::to_string(lsn) + "\r\n" + Bulk("seq") + Bulk("p") +
           ":7\r\n:" + std::to_string(expected) + "\r\n" + ahead;
  };
  const std::string seqs = seq(1, 1, "*0\r\n") + seq(2, 2, "*0\r\n") + seq(3, 2, "*1\r\n:4\r\n") +
                           seq(4, 2, "*2\r\n:3\r\n:4\r\n");
  const std::string step = "*8\r\n:6\r\n" + Bulk("step") + Bulk("a") + ":" + token + "\r\n:0\r\n" +
                           Bulk("ch_1") + ":1\r\n" + Bulk("charge");
  EXPECT_EQ(Ask({"IDEM.CHANGES", "0"}), Page(6, 6, 0));
  EXPECT_EQ(Ask({"IDEM.CHANGES", "0", "SEQS"}), Page(6, 6, 4) + seqs);
  EXPECT_EQ(Ask({"IDEM.CHANGES", "0", "STEPS"}), Page(6, 6, 1) + step);
  EXPECT_EQ(Ask({"IDEM.CHANGES", "0", "STEPS", "COUNT", "9", "SEQS"}), Page(6, 6, 5) + seqs + step);
}

TEST_F(ChangesCommandsTest, ExplainsItsErrors) {
  ExpectError({"IDEM.CHANGES", "-1"}, "ERR lsn is not an integer or out of range; it takes 0");
  ExpectError({"IDEM.CHANGES", "0", "COUNT", "0"}, "ERR COUNT is not an integer");
  ExpectError({"IDEM.CHANGES", "0", "BLOCK", "60001"}, "ERR BLOCK is not an integer");
  ExpectError({"IDEM.CHANGES", "0", "CURSOR", ""}, "SYNTAX error at 'CURSOR'; usage: IDEM.CHANGES");
  ExpectError({"IDEM.CHANGES", "0", "ELSE"}, "SYNTAX error at 'ELSE'");
  ExpectError({"IDEM.CHANGES", "7"}, "ERR LSN 7 is ahead of this log");
  OneThreadServer in_memory;
  Client client(in_memory);
  EXPECT_EQ(client.Ask({"IDEM.CHANGES", "0"}),
            "-ERR a store in memory mode has no log: no changes to read\r\n");
}

TEST_F(ChangesCommandsTest, ACursorIsMovedDurablyBeforeTheAnswer) {
  Finish("a", "one");
  const std::string first = Change(2, "completed", "a", 0, "one");
  client_.Send({"IDEM.CHANGES", "0", "CURSOR", "mail"});
  EXPECT_EQ(client_.Receive(), "");
  server_.Commit();
  EXPECT_EQ(client_.Receive(), Page(2, 2, 1) + first);
  client_.Send({"IDEM.CHANGES", "2", "CURSOR", "mail"});
  EXPECT_EQ(client_.Receive(), "");
  server_.Commit();
  EXPECT_EQ(client_.Receive(), Page(3, 3, 0));
  EXPECT_EQ(Ask({"GET", "idem:cursor:mail"}), Bulk("2"));
  EXPECT_EQ(Ask({"TYPE", "idem:cursor:mail"}), "+string\r\n");
  EXPECT_EQ(Ask({"SCAN", "0", "MATCH", "idem:cursor:*"}),
            "*2\r\n$1\r\n0\r\n*1\r\n" + Bulk("idem:cursor:mail"));
  EXPECT_EQ(Ask({"IDEM.CHANGES", "0", "CURSOR", "mail"}), Page(4, 4, 0));
  Ask({"SET", "idem:cursor:bad", "text"});
  server_.Commit();
  client_.Receive();
  ExpectError({"IDEM.CHANGES", "0", "CURSOR", "bad"}, "ERR the value at idem:cursor:bad is no LSN");
  Finish("idem:cursor:record", "");
  ExpectError({"IDEM.CHANGES", "0", "CURSOR", "record"}, "WRONGTYPE");
}

TEST_F(ChangesCommandsTest, WaitsForAChange) {
  client_.Feed(Encode({"IDEM.CHANGES", "0", "BLOCK", "1000"}) + Encode({"ECHO", "next"}));
  EXPECT_EQ(client_.Receive(), "");
  EXPECT_TRUE(client_.connection().waits_for_answer());
  EXPECT_TRUE(client_.connection().waits_for_commit());
  EXPECT_FALSE(client_.connection().wants_input());
  server_.clock().Advance(900);
  // A plain value is no change.
  Client other(server_);
  other.Send({"SET", "k", "v"});
  server_.Commit();
  other.Receive();
  EXPECT_EQ(client_.Receive(), "");
  Finish("a", "one");
  EXPECT_EQ(client_.Receive(),
            Page(3, 3, 1) + Change(3, "completed", "a", 0, "one") + Bulk("next"));
  EXPECT_FALSE(client_.connection().waits_for_answer());
  EXPECT_EQ(Ask({"PING"}), "+PONG\r\n");
  // What is there is told at once.
  EXPECT_EQ(Ask({"IDEM.CHANGES", "0", "BLOCK", "1000"}),
            Page(3, 3, 1) + Change(3, "completed", "a", 0, "one"));
}

TEST_F(ChangesCommandsTest, TheTimeToWaitIsCountedOnce) {
  client_.Send({"IDEM.CHANGES", "0", "BLOCK", "1000"});
  for (int i = 0; i < 9; ++i) {
    server_.clock().Advance(100);
    Client other(server_);
    other.Send({"SET", "k", std::to_string(i)});
    server_.Commit();
    EXPECT_EQ(client_.Receive(), "") << i;
  }
  server_.clock().Advance(99);
  EXPECT_EQ(client_.Receive(), "");
  server_.clock().Advance(1);
  EXPECT_EQ(client_.Receive(), Page(9, 9, 0));
  // The next one has its own.
  client_.Send({"IDEM.CHANGES", "9", "BLOCK", "1000"});
  server_.clock().Advance(999);
  EXPECT_EQ(client_.Receive(), "");
  server_.clock().Advance(1);
  EXPECT_EQ(client_.Receive(), Page(9, 9, 0));
}

// Else its own move would wake it, to be moved again.
TEST_F(ChangesCommandsTest, AWaitMovesItsCursorOnce) {
  Finish("a", "one");
  client_.Send({"IDEM.CHANGES", "2", "CURSOR", "mail", "BLOCK", "1000"});
  for (int i = 0; i < 5; ++i) {
    server_.Commit();
    EXPECT_EQ(client_.Receive(), "");
  }
  EXPECT_EQ(server_.store().GetStats().log.appended, 3u);
  Finish("b", "two");
  EXPECT_EQ(client_.Receive(), Page(5, 5, 1) + Change(5, "completed", "b", 0, "two"));
  EXPECT_EQ(Ask({"GET", "idem:cursor:mail"}), Bulk("2"));
}

TEST_F(ChangesCommandsTest, InATransactionNobodyWaits) {
  Finish("a", "one");
  for (const Words& words : {Words{"MULTI"}, Words{"IDEM.CHANGES", "2", "BLOCK", "1000"},
                             Words{"IDEM.CHANGES", "0", "CURSOR", "mail"}}) {
    Ask(words);
  }
  EXPECT_EQ(Ask({"EXEC"}),
            "*2\r\n" + Page(2, 2, 0) +
                "-ERR IDEM.CHANGES moves no CURSOR inside a transaction; ask without "
                "one, or before it\r\n");
  EXPECT_EQ(Ask({"EXISTS", "idem:cursor:mail"}), ":0\r\n");
}

TEST_F(ChangesCommandsTest, WhoGoesIsForgotten) {
  {
    Client gone(server_);
    gone.Send({"IDEM.CHANGES", "0", "BLOCK", "1000"});
    EXPECT_EQ(gone.Receive(), "");
    gone.connection().Close();
    EXPECT_TRUE(gone.connection().finished());
  }
  Finish("a", "one");
  EXPECT_EQ(Ask({"PING"}), "+PONG\r\n");
}

}  // namespace
}  // namespace idem::server
