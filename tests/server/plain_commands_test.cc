// Plain keys: Redis' answers and errors to the letter, in both protocol versions. The expectations
// are what redis-server 7.0 answers.
#include <set>
#include <string>

#include "gtest/gtest.h"
#include "tests/server/both_protocols.h"

namespace idem::server {
namespace {

using PlainCommands = BothProtocols;

constexpr char kSyntaxError[] = "ERR syntax error";
constexpr char kNotAnInteger[] = "ERR value is not an integer or out of range";
constexpr int64_t kWallMs = 1'800'000'000'000;  // where the fake clock stands

TEST_F(PlainCommands, SetAndGet) {
  ExpectNull({"GET", "k"});
  ExpectOk({"SET", "k", ""});
  ExpectBulk({"GET", "k"}, "");
  ExpectOk({"set", "k", "v"});
  ExpectBulk({"GET", "k"}, "v");
  ExpectInteger({"TTL", "k"}, -1);
  ExpectInteger({"STRLEN", "k"}, 1);
  ExpectInteger({"STRLEN", "none"}, 0);
  Expect({"MGET", "k", "none", "k"}, "*3\r\n$1\r\nv\r\n$-1\r\n$1\r\nv\r\n",
         "*3\r\n$1\r\nv\r\n_\r\n$1\r\nv\r\n");
}

TEST_F(PlainCommands, SetUnderACondition) {
  ExpectNull({"SET", "k", "v", "XX"});
  ExpectOk({"SET", "k", "v", "NX"});
  ExpectNull({"SET", "k", "w", "nx"});
  ExpectBulk({"GET", "k"}, "v");
  ExpectOk({"SET", "k", "x", "xx", "PX", "10"});
  ExpectInteger({"SETNX", "k", "y"}, 0);
  Advance(10);
  ExpectInteger({"SETNX", "k", "y"}, 1);
  ExpectBulk({"GET", "k"}, "y");
}

TEST_F(PlainCommands, SetGetTellsTheOldValue) {
  ExpectNull({"SET", "k", "1", "GET"});
  ExpectBulk({"SET", "k", "2", "GET", "XX"}, "1");
  ExpectBulk({"SET", "k", "3", "NX", "GET"}, "2");
  ExpectBulk({"GET", "k"}, "2");
  ExpectNull({"SET", "other", "1", "NX", "GET", "PX", "5"});
  ExpectInteger({"PTTL", "other"}, 5);
  ExpectBulk({"GETSET", "k", ""}, "2");
  ExpectBulk({"GETDEL", "k"}, "");
  ExpectNull({"GETDEL", "k"});
  ExpectNull({"GETSET", "k", "again"});
}

TEST_F(PlainCommands, SetWithATimeToLive) {
  ExpectOk({"SET", "k", "v", "EX", "10", "NX"});
  ExpectInteger({"PTTL", "k"}, 10'000);
  ExpectOk({"SET", "k", "v", "px", "1499"});
  ExpectInteger({"TTL", "k"}, 1);
  ExpectOk({"SET", "k", "v", "PX", "1500"});
  ExpectInteger({"TTL", "k"}, 2);
  ExpectOk({"SET", "k", "w", "KEEPTTL"});
  ExpectInteger({"PTTL", "k"}, 1500);
  ExpectOk({"SET", "k", "v", "PXAT", std::to_string(kWallMs + 70)});
  ExpectInteger({"PTTL", "k"}, 70);
  ExpectOk({"SET", "k", "v", "EXAT", std::to_string(kWallMs / 1000 + 7)});
  ExpectInteger({"PTTL", "k"}, 7000);
  ExpectOk({"SETEX", "k", "3", "v"});
  ExpectInteger({"PTTL", "k"}, 3000);
  ExpectOk({"PSETEX", "k", "3", "v"});
  ExpectInteger({"PTTL", "k"}, 3);
  ExpectOk({"SET", "k", "v", "EX", "1", "EX", "2"});
  ExpectInteger({"PTTL", "k"}, 2000);
  ExpectOk({"SET", "k", "v"});
  ExpectInteger({"PTTL", "k"}, -1);
}

TEST_F(PlainCommands, AValueThatEndedBeforeItBeganReplacesTheOldOne) {
  const auto set = [](const Words& options) {
    Words command = {"SET", "k", "new", "EXAT", "1"};
    command.insert(command.end(), options.begin(), options.end());
    return command;
  };
  ExpectOk(set({}));
  ExpectNull({"GET", "k"});
  ExpectOk({"SET", "k", "old"});
  ExpectOk(set({}));
  ExpectNull({"GET", "k"});
  ExpectOk(set({"NX"}));
  ExpectNull(set({"XX"}));
  ExpectOk({"SET", "k", "old"});
  ExpectNull(set({"NX"}));
  ExpectBulk(set({"NX", "GET"}), "old");
  ExpectBulk({"GET", "k"}, "old");
  ExpectOk(set({"XX"}));
  ExpectNull({"GET", "k"});
  ExpectOk({"SET", "k", "old"});
  ExpectBulk(set({"GET"}), "old");
  ExpectNull({"GET", "k"});
}

TEST_F(PlainCommands, SetRefusesWhatRedisRefuses) {
  ExpectError({"SET", "k"}, "ERR wrong number of arguments for 'set' command");
  for (const Words& options :
       {Words{"NX", "XX"}, Words{"EX"}, Words{"EX", "1", "PX", "1"}, Words{"KEEPTTL", "EX", "1"},
        Words{"EX", "1", "KEEPTTL"}, Words{"WAT"}, Words{"EX", "abc", "WAT"}, Words{"EX", "1", "2"},
        Words{"EXAT", "1", "PXAT", "1"}}) {
    Words command = {"SET", "k", "v"};
    command.insert(command.end(), options.begin(), options.end());
    ExpectError(command, kSyntaxError);
  }
  for (const char* number : {"abc", "", "1.5", "+1", "01", "9223372036854775808", " 1"}) {
    ExpectError({"SET", "k", "v", "EX", number}, kNotAnInteger);
    ExpectError({"SETEX", "k", number, "v"}, kNotAnInteger);
  }
  for (const char* number : {"0", "-1", "9223372036854775807", "-9223372036854775808"}) {
    ExpectError({"SET", "k", "v", "EX", number}, "ERR invalid expire time in 'set' command");
    ExpectError({"SETEX", "k", number, "v"}, "ERR invalid expire time in 'setex' command");
    ExpectError({"PSETEX", "k", number, "v"}, "ERR invalid expire time in 'psetex' command");
  }
  ExpectInteger({"EXISTS", "k"}, 0);
  ExpectError({"SET", "", "v"}, "ERR key must have 1 to 1024 bytes");
  ExpectError({"GET", std::string(1025, 'k')}, "ERR key must have 1 to 1024 bytes");
  ExpectError({"SET", "k", std::string((1 << 20) + 1, 'v')},
              "ERR value is larger than max_response_bytes; store a reference to it");
}

TEST_F(PlainCommands, ExpirePersistAndTtl) {
  ExpectInteger({"EXPIRE", "k", "10"}, 0);
  ExpectInteger({"PERSIST", "k"}, 0);
  ExpectInteger({"TTL", "k"}, -2);
  ExpectInteger({"PTTL", "k"}, -2);
  ExpectOk({"SET", "k", "v"});
  ExpectInteger({"PERSIST", "k"}, 0);
  ExpectInteger({"EXPIRE", "k", "10"}, 1);
  ExpectInteger({"PTTL", "k"}, 10'000);
  ExpectInteger({"PEXPIRE", "k", "10"}, 1);
  ExpectInteger({"PTTL", "k"}, 10);
  ExpectInteger({"PERSIST", "k"}, 1);
  ExpectInteger({"TTL", "k"}, -1);
  ExpectInteger({"EXPIRE", "k", "-1"}, 1);
  ExpectInteger({"EXISTS", "k"}, 0);
  ExpectOk({"SET", "k", "v"});
  ExpectInteger({"EXPIRE", "k", "0"}, 1);
  ExpectInteger({"EXISTS", "k"}, 0);
}

TEST_F(PlainCommands, ExpireUnderAConditionOnTheDeadline) {
  ExpectOk({"SET", "k", "v"});
  ExpectInteger({"EXPIRE", "k", "10", "XX"}, 0);
  ExpectInteger({"EXPIRE", "k", "10", "GT"}, 0);
  ExpectInteger({"EXPIRE", "k", "10", "XX", "LT"}, 0);
  ExpectInteger({"EXPIRE", "k", "10", "NX"}, 1);
  ExpectInteger({"EXPIRE", "k", "11", "XX", "LT"}, 0);
  ExpectInteger({"EXPIRE", "k", "9", "LT", "XX"}, 1);
  ExpectInteger({"EXPIRE", "k", "20", "nx"}, 0);
  ExpectInteger({"EXPIRE", "k", "20", "LT"}, 0);
  ExpectInteger({"EXPIRE", "k", "5", "gt"}, 0);
  ExpectInteger({"EXPIRE", "k", "20", "GT", "XX"}, 1);
  ExpectInteger({"EXPIRE", "k", "5", "LT"}, 1);
  ExpectInteger({"EXPIRE", "k", "7", "XX"}, 1);
  ExpectInteger({"TTL", "k"}, 7);
  ExpectInteger({"EXPIRE", "k", "-1", "GT"}, 0);
  ExpectInteger({"EXPIRE", "k", "-1", "NX"}, 0);
  ExpectInteger({"EXISTS", "k"}, 1);
  ExpectInteger({"EXPIRE", "k", "-1", "LT"}, 1);
  ExpectInteger({"EXISTS", "k"}, 0);
}

TEST_F(PlainCommands, ExpireRefusesWhatRedisRefuses) {
  ExpectError({"EXPIRE", "k"}, "ERR wrong number of arguments for 'expire' command");
  ExpectError({"EXPIRE", "k", "abc"}, kNotAnInteger);
  ExpectError({"EXPIRE", "k", "10", "NX", "GT"},
              "ERR NX and XX, GT or LT options at the same time are not compatible");
  ExpectError({"EXPIRE", "k", "10", "GT", "LT"},
              "ERR GT and LT options at the same time are not compatible");
  ExpectError({"EXPIRE", "k", "10", "soon"}, "ERR Unsupported option soon");
  for (const char* number : {"9223372036854775807", "-9223372036854775808"}) {
    ExpectError({"EXPIRE", "k", number}, "ERR invalid expire time in 'expire' command");
  }
  ExpectError({"PEXPIRE", "k", "9223372036854775807"},
              "ERR invalid expire time in 'pexpire' command");
}

TEST_F(PlainCommands, TimesBeyondAHundredYearsAreAHundredYears) {
  ExpectOk({"SET", "k", "v", "EX", "9999999999999"});
  ExpectInteger({"PTTL", "k"}, 3'153'600'000'000);
  ExpectInteger({"PEXPIRE", "k", "9999999999999"}, 1);
  ExpectInteger({"PTTL", "k"}, 3'153'600'000'000);
}

TEST_F(PlainCommands, DelCountsKeysOnce) {
  ExpectOk({"SET", "a", "1"});
  ExpectOk({"SET", "b", "1"});
  ExpectInteger({"DEL", "none"}, 0);
  ExpectInteger({"DEL", "a", "a", "none", "b"}, 2);
  ExpectOk({"SET", "a", "1"});
  ExpectInteger({"UNLINK", "a"}, 1);
  Claim("record", {"LEASE", "10", "TTL", "10"});
  Advance(100);
  ExpectInteger({"DEL", "record"}, 0);
}

TEST_F(PlainCommands, DelOfARunningRecordDeletesNothingAtAll) {
  constexpr char kRefused[] =
      "REFUSED the claim of this key is not settled; IDEM.FORGET key FORCE drops it and fences its "
      "owner";
  ExpectOk({"SET", "a", "1"});
  ExpectOk({"SET", "z", "1"});
  const std::string token = Claim("k");
  ExpectError({"DEL", "k"}, kRefused);
  ExpectError({"DEL", "a", "k", "z"}, kRefused);
  ExpectInteger({"EXISTS", "a", "k", "z"}, 3);
  ExpectOk({"IDEM.COMPLETE", "k", token, "x"});
  ExpectInteger({"DEL", "a", "k", "z"}, 3);
}

TEST_F(PlainCommands, DelTakesSixtyFourKeys) {
  Words command = {"DEL"};
  for (int i = 0; i < 64; ++i) command.push_back("k" + std::to_string(i));
  ExpectInteger(command, 0);
  command.push_back("one more");
  ExpectError(command,
              "ERR 'del' takes at most 64 keys, because it changes all or none; send several "
              "commands");
}

TEST_F(PlainCommands, ExistsTouchAndType) {
  ExpectOk({"SET", "a", "1"});
  ExpectInteger({"EXISTS", "a", "a", "none"}, 2);
  ExpectInteger({"TOUCH", "a", "none"}, 1);
  Expect({"TYPE", "a"}, "+string\r\n");
  Expect({"TYPE", "none"}, "+none\r\n");
}

// The keys of one whole walk; each must come at least once.
std::set<std::string> Walk(Client& client, const Words& options) {
  std::set<std::string> keys;
  std::string cursor = "0";
  do {
    Words command = {"SCAN", cursor};
    command.insert(command.end(), options.begin(), options.end());
    const std::string reply = client.Ask(command);
    size_t at = reply.find("\r\n", 4) + 2;
    cursor = reply.substr(at, reply.find("\r\n", at) - at);
    for (at = reply.find('*', at); (at = reply.find('$', at)) != reply.npos;) {
      at = reply.find("\r\n", at) + 2;
      keys.insert(reply.substr(at, reply.find("\r\n", at) - at));
    }
  } while (cursor != "0");
  return keys;
}

TEST_F(PlainCommands, ScanSeesEveryKey) {
  Expect({"SCAN", "0"}, "*2\r\n$1\r\n0\r\n*0\r\n");
  for (int i = 0; i < 500; ++i) ExpectOk({"SET", "k" + std::to_string(i), "v"});
  Claim("r1");
  Claim("r2");
  EXPECT_EQ(Walk(client2_, {}).size(), 502u);
  EXPECT_EQ(Walk(client3_, {"COUNT", "7"}).size(), 502u);
  EXPECT_EQ(Walk(client3_, {"COUNT", "9223372036854775807"}).size(), 502u);
  EXPECT_EQ(Walk(client2_, {"MATCH", "k1*"}).size(), 111u);
  EXPECT_EQ(Walk(client2_, {"type", "record"}), (std::set<std::string>{"r1", "r2"}));
  EXPECT_EQ(Walk(client2_, {"TYPE", "STRING", "MATCH", "k[12]"}),
            (std::set<std::string>{"k1", "k2"}));
  EXPECT_EQ(Walk(client2_, {"TYPE", "zset"}).size(), 0u);
  ExpectInteger({"DBSIZE"}, 502);
}

TEST_F(PlainCommands, ScanRefusesWhatRedisRefuses) {
  ExpectError({"SCAN", "abc"}, "ERR invalid cursor");
  ExpectError({"SCAN", "-1"}, "ERR invalid cursor");
  ExpectError({"SCAN", "0", "COUNT", "0"}, kSyntaxError);
  ExpectError({"SCAN", "0", "COUNT", "-5"}, kSyntaxError);
  ExpectError({"SCAN", "0", "COUNT", "abc"}, kNotAnInteger);
  ExpectError({"SCAN", "0", "MATCH"}, kSyntaxError);
  ExpectError({"SCAN", "0", "WAT"}, kSyntaxError);
}

}  // namespace
}  // namespace idem::server
