// IDEM.* as a client sees it: every answer, every error, in both protocol versions.
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/both_protocols.h"

namespace idem::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using IdemCommands = BothProtocols;

constexpr char kUnknownKey[] =
    "UNKNOWNKEY no record of this key: it was released or forgotten, or its retention is over";
constexpr char kFenced[] =
    "FENCED this token is not the current one: another caller has the claim, so drop this result";
constexpr char kConflict[] =
    "CONFLICT already settled in another way, and the first settlement stands; see IDEM.GET";
constexpr char kWrongType[] = "WRONGTYPE Operation against a key holding the wrong kind of value";
constexpr char kBeginUsage[] =
    "usage: IDEM.BEGIN key [FP digest | BODY bytes] [LEASE milliseconds] [TTL milliseconds] [OWNER "
    "nonce] [WAIT milliseconds] [HOLD] [ISSUED <unix-time-milliseconds | KEY>] [NOWAIT]";

TEST_F(IdemCommands, OneRequestFromClaimToReplay) {
  const std::string token = Claim("k", {"FP", "abc"});
  Advance(10);
  Expect({"IDEM.BEGIN", "k", "FP", "abc"},
         "*5\r\n$4\r\nBUSY\r\n$7\r\nrunning\r\n:29990\r\n:1\r\n:10\r\n");
  Expect({"IDEM.BEGIN", "k", "FP", "abd"}, "*2\r\n$8\r\nMISMATCH\r\n$7\r\nrunning\r\n");
  ExpectOk({"IDEM.COMPLETE", "k", token, std::string("a\0\r\nb", 5), "CODE", "201"});
  Advance(5);
  Expect({"IDEM.BEGIN", "k", "FP", "abc"}, "*6\r\n$6\r\nREPLAY\r\n$9\r\ncompleted\r\n:201\r\n" +
                                               Bulk(std::string_view("a\0\r\nb", 5)) +
                                               ":5\r\n:86399995\r\n");
  Expect({"IDEM.BEGIN", "k"}, "*2\r\n$8\r\nMISMATCH\r\n$9\r\ncompleted\r\n");
}

TEST_F(IdemCommands, ClaimedTellsTokenAttemptLeaseAndSteps) {
  const std::string token = Claim("k", {"LEASE", "100", "TTL", "1000"});
  Advance(100);
  const std::string second = Claim("k", {"LEASE", "200", "TTL", "1000"});
  EXPECT_LT(std::stoll(token), std::stoll(second));
  Advance(200);
  Expect({"IDEM.BEGIN", "k", "LEASE", "7", "TTL", "7"},
         "*5\r\n$7\r\nCLAIMED\r\n:" + std::to_string(std::stoll(second) + 1) +
             "\r\n:3\r\n:7\r\n*0\r\n");
  ExpectError({"IDEM.COMPLETE", "k", token, "late"}, kFenced);
  ExpectError({"IDEM.EXTEND", "k", second, "5"}, kFenced);
}

TEST_F(IdemCommands, StepsAreToldToTheNextClaim) {
  const std::string token = Claim("k", {"LEASE", "100"});
  ExpectOk({"IDEM.STEP", "k", token, "charge", std::string("r\0\r\n", 4)});
  ExpectOk({"IDEM.STEP", "k", token, "mail"});
  ExpectOk({"IDEM.STEP", "k", token, "mail", ""});
  ExpectError({"IDEM.STEP", "k", token, "mail", "x"},
              "CONFLICT the claim is settled, or this step was made with other data, which stands; "
              "see IDEM.GET");
  ExpectError({"IDEM.RELEASE", "k", token},
              "REFUSED the claim has steps, so something was done; IDEM.FAIL key token RETRY keeps "
              "them for the next attempt");
  Advance(100);
  const std::string second = std::to_string(std::stoll(token) + 1);
  const std::string steps = "*2\r\n*2\r\n$6\r\ncharge\r\n" + Bulk(std::string_view("r\0\r\n", 4)) +
                            "*2\r\n$4\r\nmail\r\n$0\r\n\r\n";
  Expect({"IDEM.BEGIN", "k", "LEASE", "7"},
         "*5\r\n$7\r\nCLAIMED\r\n:" + second + "\r\n:2\r\n:7\r\n" + steps);
  const std::string sizes = "*2\r\n*2\r\n$6\r\ncharge\r\n:4\r\n*2\r\n$4\r\nmail\r\n:0\r\n";
  for (Client* const client : {&client2_, &client3_}) {
    EXPECT_THAT(client->Ask({"IDEM.GET", "k"}), HasSubstr("$5\r\nsteps\r\n" + sizes));
    EXPECT_THAT(client->Ask({"IDEM.GET", "k", "DATA"}), HasSubstr("$5\r\nsteps\r\n" + steps));
  }
  ExpectError({"IDEM.STEP", "k", token, "late"}, kFenced);
  ExpectOk({"IDEM.COMPLETE", "k", second, "done"});
  for (Client* const client : {&client2_, &client3_}) {
    EXPECT_NE(client->Ask({"IDEM.GET", "k"}).find("$5\r\nsteps\r\n*0\r\n"), std::string::npos);
  }
}

TEST_F(IdemCommands, StepRefusesWhatItDoesNotUnderstand) {
  const std::string token = Claim("k");
  const std::string usage = "; usage: IDEM.STEP key token name [data]";
  ExpectError({"IDEM.STEP", "k", token},
              "ERR wrong number of arguments for 'idem.step' command" + usage);
  ExpectError({"IDEM.STEP", "k", token, "a", "b", "c"}, "SYNTAX error at 'c'" + usage);
  ExpectError({"IDEM.STEP", "k", "x", "a"},
              "ERR token is not an integer or out of range; it takes 1 or more");
  ExpectError({"IDEM.STEP", "k", token, ""}, "ERR name of a step must have 1 to 255 bytes");
  ExpectError({"IDEM.STEP", "k", token, "a", std::string(4096, 'd')},
              "ERR step is larger than max_step_bytes; store its data elsewhere and keep a "
              "reference");
  for (char name = 'a'; name < 'a' + 16; ++name) {
    ExpectOk({"IDEM.STEP", "k", token, std::string(1, name)});
  }
  ExpectError({"IDEM.STEP", "k", token, "q"},
              "ERR the claim has made as many steps as max_steps allows");
  ExpectError({"IDEM.STEP", "l", token, "a"}, kUnknownKey);
}

TEST_F(IdemCommands, ForgetBodyKeepsTheFact) {
  const std::string token = Claim("k");
  ExpectError({"IDEM.FORGET", "k", "BODY"},
              "REFUSED the claim of this key is not settled; IDEM.FORGET key FORCE drops it and "
              "fences its owner");
  ExpectOk({"IDEM.FORGET", "k", "BODY", "FORCE"});
  ExpectOk({"IDEM.COMPLETE", "k", token, "ann@example.org"});
  ExpectOk({"IDEM.FORGET", "k", "body"});
  Expect({"IDEM.BEGIN", "k"},
         "*6\r\n$6\r\nREPLAY\r\n$9\r\ncompleted\r\n:0\r\n$-1\r\n:0\r\n:86400000\r\n",
         "*6\r\n$6\r\nREPLAY\r\n$9\r\ncompleted\r\n:0\r\n_\r\n:0\r\n:86400000\r\n");
  ExpectOk({"IDEM.COMPLETE", "k", token, "ann@example.org"});
  ExpectOk({"IDEM.FORGET", "unknown", "BODY"});
}

TEST_F(IdemCommands, BeginTakesItsOptionsInAnyOrderAndCase) {
  const std::string token = Claim("k", {"hold", "OWNER", "me", "ttl", "9000", "Body", "a body",
                                        "lease", "500", "issued", "1800000000000"});
  Expect({"idem.begin", "k", "BODY", "a body", "owner", "me", "LEASE", "500"},
         "*5\r\n$7\r\nCLAIMED\r\n:" + token + "\r\n:1\r\n:500\r\n*0\r\n");
  Advance(500);
  Expect({"IDEM.BEGIN", "k", "BODY", "a body"},
         "*5\r\n$4\r\nBUSY\r\n$4\r\nheld\r\n:0\r\n:1\r\n:500\r\n");
}

TEST_F(IdemCommands, NoWaitIsAWordOfBeginAndOfFinishes) {
  const std::string token = Claim("k", {"NOWAIT", "LEASE", "500"});
  ExpectOk({"IDEM.FAIL", "k", token, "RETRY", "nowait", "AFTER", "0"});
  const std::string second = Claim("k", {"nowait"});
  ExpectOk({"IDEM.FAIL", "k", second, "FINAL", "no", "NOWAIT", "CODE", "402"});
  ExpectOk({"IDEM.COMPLETE", "l", Claim("l"), "done", "NOWAIT"});
}

TEST_F(IdemCommands, BeginOfAnOldRequestIsTooOld) {
  Expect({"IDEM.BEGIN", "k", "TTL", "60000", "ISSUED", "1799999939999"}, "*1\r\n$6\r\nTOOOLD\r\n");
  Claim("k", {"TTL", "60000", "ISSUED", "1799999940000"});
}

// 1799999940000 is 01a3185b65a0 in hexadecimal; one less is 01MCC5PSCZ as a ULID.
TEST_F(IdemCommands, BeginTakesTheTimeOfIssueFromTheKey) {
  const std::string in_time = "acme:01a3185b-65a0-7000-8000-000000000000";
  const std::string too_old = "acme:01a3185b-659f-7000-8000-000000000000";
  Claim(in_time, {"TTL", "60000", "ISSUED", "KEY"});
  Expect({"IDEM.BEGIN", too_old, "issued", "key", "TTL", "60000"}, "*1\r\n$6\r\nTOOOLD\r\n");
  Expect({"IDEM.BEGIN", "01MCC5PSCZ0000000000000000", "ISSUED", "KEY", "TTL", "60000"},
         "*1\r\n$6\r\nTOOOLD\r\n");
  ExpectError({"IDEM.BEGIN", "order-7", "ISSUED", "KEY"},
              "ERR the key tells no time of issue: it, or what follows its last ':', must be a "
              "UUIDv7 or ULID");
  Expect({"IDEM.GET", "order-7"}, "*-1\r\n", "_\r\n");
}

TEST_F(IdemCommands, BeginRefusesWhatItDoesNotUnderstand) {
  const auto syntax = [](const char* word) {
    return std::string("SYNTAX error at '") + word + "'; " + kBeginUsage;
  };
  ExpectError(
      {"IDEM.BEGIN"},
      std::string("ERR wrong number of arguments for 'idem.begin' command; ") + kBeginUsage);
  ExpectError({"IDEM.BEGIN", "k", "WAT"}, syntax("WAT"));
  ExpectError({"IDEM.BEGIN", "k", "WAIT"}, syntax("WAIT"));
  ExpectError({"IDEM.BEGIN", "k", "WAIT", "-1"},
              "ERR WAIT is not an integer or out of range; it takes 0 or more");
  ExpectError({"IDEM.BEGIN", "k", "WAIT", "60001"},
              "ERR time to wait must be 0 to 60000 ms (one minute)");
  ExpectError({"IDEM.BEGIN", "k", "LEASE"}, syntax("LEASE"));
  ExpectError({"IDEM.BEGIN", "k", "FP", "a", "FP", "b"}, syntax("FP"));
  ExpectError({"IDEM.BEGIN", "k", "FP", "a", "body", "b"}, syntax("body"));
  ExpectError({"IDEM.BEGIN", "k", "LEASE", "1x"}, "ERR LEASE is not an integer or out of range");
  ExpectError({"IDEM.BEGIN", "k", "lease", "9223372036854775808"},
              "ERR LEASE is not an integer or out of range");
  ExpectError({"IDEM.BEGIN", "k", "LEASE", "0"}, "ERR lease must be 1 to 86400000 ms (24 hours)");
  ExpectError({"IDEM.BEGIN", "k", "LEASE", "-1"}, "ERR lease must be 1 to 86400000 ms (24 hours)");
  ExpectError({"IDEM.BEGIN", "k", "TTL", "7776000001"},
              "ERR retention must be 1 to 7776000000 ms (90 days)");
  ExpectError({"IDEM.BEGIN", "k", "LEASE", "100", "TTL", "99"},
              "ERR retention is shorter than the lease; name a longer retention or a shorter "
              "lease");
  for (const char* issued : {"0", "-1", "yesterday", "1.5e9"}) {
    ExpectError({"IDEM.BEGIN", "k", "ISSUED", issued},
                "ERR ISSUED is not an integer or out of range; it takes 1 or more");
  }
  ExpectError({"IDEM.BEGIN", "k", "FP", std::string(33, 'f')},
              "ERR FP takes a digest of 1 to 32 bytes; send a longer text as BODY");
  ExpectError({"IDEM.BEGIN", "k", "FP", ""},
              "ERR FP takes a digest of 1 to 32 bytes; send a longer text as BODY");
  ExpectError({"IDEM.BEGIN", "k", "OWNER", std::string(65, 'o')},
              "ERR owner must have at most 64 bytes; send a digest of a longer one");
  ExpectError({"IDEM.BEGIN", ""}, "ERR key must have 1 to 1024 bytes");
  ExpectError({"IDEM.BEGIN", std::string(1025, 'k')}, "ERR key must have 1 to 1024 bytes");
  Expect({"IDEM.GET", "k"}, "*-1\r\n", "_\r\n");
  Claim(std::string(1024, 'k'));
}

TEST_F(IdemCommands, CompleteIsSafeToRepeatAndTheFirstOneStands) {
  ExpectError({"IDEM.COMPLETE", "k", "1", "x"}, kUnknownKey);
  const std::string token = Claim("k");
  ExpectOk({"IDEM.COMPLETE", "k", token, "x"});
  ExpectOk({"IDEM.COMPLETE", "k", token, "x"});
  ExpectError({"IDEM.COMPLETE", "k", token, "y"}, kConflict);
  ExpectError({"IDEM.FAIL", "k", token, "RETRY"}, kConflict);
  ExpectError({"IDEM.EXTEND", "k", token, "100"}, kConflict);
  ExpectError({"IDEM.RELEASE", "k", token}, kConflict);
}

TEST_F(IdemCommands, CompleteRefusesWhatItDoesNotUnderstand) {
  const std::string token = Claim("k");
  const std::string usage =
      "'; usage: IDEM.COMPLETE key token response [CODE number] [TTL milliseconds] [NOWAIT]";
  ExpectError({"IDEM.COMPLETE", "k", token},
              "ERR wrong number of arguments for 'idem.complete' command" + usage.substr(1));
  for (const char* bad : {"0", "-1", "", "x", "1 ", "9223372036854775808"}) {
    ExpectError({"IDEM.COMPLETE", "k", bad, "x"},
                "ERR token is not an integer or out of range; it takes 1 or more");
  }
  ExpectError({"IDEM.COMPLETE", "k", "9007199254740992", "x"},
              "ERR token must be the number that BEGIN gave");
  for (const char* bad : {"-1", "65536", "x"}) {
    ExpectError({"IDEM.COMPLETE", "k", token, "x", "CODE", bad},
                "ERR CODE is not an integer or out of range; it takes 0 to 65535");
  }
  ExpectError({"IDEM.COMPLETE", "k", token, "x", "TTL", "0"},
              "ERR retention must be 1 to 7776000000 ms (90 days)");
  ExpectError({"IDEM.COMPLETE", "k", token, "x", "CODE"}, "SYNTAX error at 'CODE" + usage);
  ExpectError({"IDEM.COMPLETE", "k", token, "x", "y"}, "SYNTAX error at 'y" + usage);
  ExpectOk({"IDEM.COMPLETE", "k", token, "", "TTL", "1000", "CODE", "65535"});
}

TEST_F(IdemCommands, ALargeResponseIsDroppedAndTheFactKept) {
  const std::string token = Claim("k");
  ExpectOk({"IDEM.COMPLETE", "k", token, std::string((1 << 20) + 1, 'r')});
  Expect({"IDEM.BEGIN", "k"},
         "*6\r\n$6\r\nREPLAY\r\n$9\r\ncompleted\r\n:0\r\n$-1\r\n:0\r\n:86400000\r\n",
         "*6\r\n$6\r\nREPLAY\r\n$9\r\ncompleted\r\n:0\r\n_\r\n:0\r\n:86400000\r\n");
}

TEST_F(IdemCommands, FailForRetryOrForGood) {
  const std::string first = Claim("k");
  ExpectOk({"IDEM.FAIL", "k", first, "retry", "after", "50"});
  Expect({"IDEM.BEGIN", "k"}, "*5\r\n$4\r\nBUSY\r\n$7\r\nbackoff\r\n:50\r\n:1\r\n:0\r\n");
  Advance(50);
  const std::string second = Claim("k");
  ExpectOk({"IDEM.FAIL", "k", second, "FINAL", "no money", "TTL", "5", "CODE", "402"});
  Expect({"IDEM.BEGIN", "k"},
         "*6\r\n$6\r\nREPLAY\r\n$12\r\nfailed_final\r\n:402\r\n$8\r\nno money\r\n:0\r\n:86400000"
         "\r\n");
}

TEST_F(IdemCommands, FailRefusesWhatItDoesNotUnderstand) {
  const std::string token = Claim("k");
  const std::string usage =
      "'; usage: IDEM.FAIL key token <RETRY [AFTER milliseconds] | FINAL response [CODE number] "
      "[TTL milliseconds]> [NOWAIT]";
  ExpectError({"IDEM.FAIL", "k", token},
              "ERR wrong number of arguments for 'idem.fail' command" + usage.substr(1));
  ExpectError({"IDEM.FAIL", "k", token, "MAYBE"}, "SYNTAX error at 'MAYBE" + usage);
  ExpectError({"IDEM.FAIL", "k", token, "FINAL"}, "SYNTAX error at 'FINAL" + usage);
  ExpectError({"IDEM.FAIL", "k", token, "RETRY", "CODE", "1"}, "SYNTAX error at 'CODE" + usage);
  ExpectError({"IDEM.FAIL", "k", token, "RETRY", "AFTER", "soon"},
              "ERR AFTER is not an integer or out of range");
  ExpectError({"IDEM.FAIL", "k", token, "RETRY", "AFTER", "-1"},
              "ERR pause before a retry must be 0 to 7776000000 ms (90 days)");
}

TEST_F(IdemCommands, ExtendKeepsAndReleaseForgets) {
  const std::string token = Claim("k", {"LEASE", "100"});
  ExpectOk({"IDEM.EXTEND", "k", token, "1000"});
  ExpectError({"IDEM.EXTEND", "k", token, "soon"}, "ERR lease is not an integer or out of range");
  ExpectError({"IDEM.EXTEND", "k", token, "0"}, "ERR lease must be 1 to 86400000 ms (24 hours)");
  Advance(999);
  Expect({"IDEM.BEGIN", "k"}, "*5\r\n$4\r\nBUSY\r\n$7\r\nrunning\r\n:1\r\n:1\r\n:999\r\n");
  ExpectOk({"IDEM.RELEASE", "k", token});
  ExpectError({"IDEM.RELEASE", "k", token}, kUnknownKey);
  ExpectInteger({"EXISTS", "k"}, 0);
}

TEST_F(IdemCommands, ForgetRefusesWhatRunsUnlessForced) {
  ExpectOk({"IDEM.FORGET", "k"});
  const std::string token = Claim("k");
  ExpectError({"IDEM.FORGET", "k"},
              "REFUSED the claim of this key is not settled; IDEM.FORGET key FORCE drops it and "
              "fences its owner");
  ExpectError({"IDEM.FORGET", "k", "PLEASE"},
              "SYNTAX error at 'PLEASE'; usage: IDEM.FORGET key [BODY] [FORCE]");
  ExpectOk({"IDEM.FORGET", "k", "force"});
  ExpectError({"IDEM.COMPLETE", "k", token, "x"}, kUnknownKey);
}

TEST_F(IdemCommands, StuckFindsWhatResolveSettles) {
  Expect({"IDEM.STUCK"}, "*2\r\n$1\r\n0\r\n*0\r\n");
  const std::string orphan = Claim("orphan", {"LEASE", "10"});
  Advance(20);
  Expect({"idem.stuck", "count", "100", "cursor", "0"},
         "*2\r\n$1\r\n0\r\n*1\r\n*8\r\n$6\r\norphan\r\n$8\r\norphaned\r\n:" + orphan +
             "\r\n:1\r\n:20\r\n:86399990\r\n:0\r\n*0\r\n");
  ExpectOk({"IDEM.RESOLVE", "orphan", "COMPLETE", "done by hand"});
  ExpectError({"IDEM.COMPLETE", "orphan", orphan, "x"}, kFenced);
  const std::string held = Claim("held", {"LEASE", "10", "HOLD", "OWNER", "me"});
  ExpectOk({"IDEM.STEP", "held", held, "charge", "secret"});
  ExpectError({"IDEM.RESOLVE", "held", "RETRY"},
              "REFUSED only a claim whose lease is over can be resolved; see IDEM.STUCK");
  Advance(10);
  Expect({"IDEM.STUCK"}, "*2\r\n$1\r\n0\r\n*1\r\n*8\r\n$4\r\nheld\r\n$4\r\nheld\r\n:" + held +
                             "\r\n:1\r\n:10\r\n:-1\r\n:1\r\n*1\r\n*2\r\n$6\r\ncharge\r\n:6\r\n");
  ExpectOk({"IDEM.RESOLVE", "held", "retry"});
  Claim("held");
}

TEST_F(IdemCommands, StuckAndResolveRefuseWhatTheyDoNotUnderstand) {
  ExpectError({"IDEM.STUCK", "COUNT", "0"},
              "ERR COUNT is not an integer or out of range; it takes 1 or more");
  ExpectError({"IDEM.STUCK", "CURSOR", "x"}, "ERR invalid cursor");
  ExpectError({"IDEM.STUCK", "5"},
              "SYNTAX error at '5'; usage: IDEM.STUCK [CURSOR cursor] [COUNT count] [MINAGE "
              "milliseconds] [HELD | ORPHANED]");
  ExpectError({"IDEM.STUCK", "MINAGE", "-1"},
              "ERR MINAGE is not an integer or out of range; it takes 0 or more");
  const std::string usage =
      "'; usage: IDEM.RESOLVE key <COMPLETE response | FAIL response | RETRY>";
  ExpectError({"IDEM.RESOLVE", "k", "x"}, "SYNTAX error at 'x" + usage);
  ExpectError({"IDEM.RESOLVE", "k", "FAIL"}, "SYNTAX error at 'FAIL" + usage);
  ExpectError({"IDEM.RESOLVE", "k", "RETRY", "x"}, "SYNTAX error at 'x" + usage);
  ExpectError({"IDEM.RESOLVE", "k", "RETRY"}, kUnknownKey);
}

// The keys of all pages, sorted.
std::set<std::string> AllStuck(Client& client, const Words& filter = {}) {
  std::set<std::string> keys;
  std::string cursor = "0";
  do {
    Words words = {"IDEM.STUCK", "CURSOR", cursor, "COUNT", "20"};
    words.insert(words.end(), filter.begin(), filter.end());
    const std::string page = client.Ask(words);
    const size_t begin = page.find("\r\n", 4) + 2;
    cursor = page.substr(begin, page.find("\r\n", begin) - begin);
    for (size_t row = page.find("*8\r\n$"); row != page.npos; row = page.find("*8\r\n$", row + 1)) {
      const size_t key = page.find("\r\n", row + 5) + 2;
      keys.insert(page.substr(key, page.find("\r\n", key) - key));
    }
  } while (cursor != "0");
  return keys;
}

TEST_F(IdemCommands, StuckWalksAllPages) {
  for (int i = 0; i < 300; ++i) Claim("k" + std::to_string(i), {"LEASE", "10"});
  Advance(10);
  EXPECT_EQ(AllStuck(client2_).size(), 300u);
}

TEST_F(IdemCommands, StuckTellsThoseThatAreOldEnoughAndOfTheStateThatWasAskedFor) {
  using Keys = std::set<std::string>;
  for (const char* age : {"old", "young"}) {
    Claim(std::string(age) + " orphan", {"LEASE", "10"});
    Claim(std::string(age) + " held", {"LEASE", "10", "HOLD"});
    Claim(std::string(age) + " running", {"LEASE", "1000", "HOLD"});
    Advance(10);
  }
  for (Client* const client : {&client2_, &client3_}) {
    EXPECT_EQ(AllStuck(*client), (Keys{"old held", "old orphan", "young held", "young orphan"}));
    EXPECT_EQ(AllStuck(*client, {"held"}), (Keys{"old held", "young held"}));
    EXPECT_EQ(AllStuck(*client, {"ORPHANED"}), (Keys{"old orphan", "young orphan"}));
    EXPECT_EQ(AllStuck(*client, {"MINAGE", "11"}), (Keys{"old held", "old orphan"}));
    EXPECT_EQ(AllStuck(*client, {"MINAGE", "20", "HELD"}), (Keys{"old held"}));
    EXPECT_EQ(AllStuck(*client, {"MINAGE", "21"}), Keys{});
  }
  EXPECT_EQ(client2_.Ask({"IDEM.STUCK", "HELD", "ORPHANED"}).substr(0, 27),
            "-SYNTAX error at 'ORPHANED'");
}

TEST_F(IdemCommands, GetDescribesARecord) {
  Expect({"IDEM.GET", "k"}, "*-1\r\n", "_\r\n");
  const std::string token = Claim("k", {"LEASE", "100", "TTL", "1000", "OWNER", "me"});
  Advance(40);
  const std::string body =
      "$5\r\nstate\r\n$7\r\nrunning\r\n$7\r\nattempt\r\n:1\r\n$5\r\ntoken\r\n:" + token +
      "\r\n$6\r\nage_ms\r\n:40\r\n$8\r\nlease_ms\r\n:60\r\n$14\r\nretry_after_ms\r\n:0\r\n"
      "$6\r\nttl_ms\r\n:1060\r\n$11\r\n"
      "fingerprint\r\n";
  const std::string rest =
      "$5\r\nowner\r\n:1\r\n$5\r\nsteps\r\n*0\r\n$4\r\ncode\r\n:0\r\n$14\r\nresponse_bytes\r\n:0"
      "\r\n";
  Expect({"IDEM.GET", "k"}, "*24\r\n" + body + "$-1\r\n" + rest, "%12\r\n" + body + "_\r\n" + rest);
  ExpectOk({"IDEM.COMPLETE", "k", token, "12345", "CODE", "9"});
  const std::string reply = client2_.Ask({"IDEM.GET", "k"});
  EXPECT_NE(reply.find("completed"), reply.npos) << reply;
  EXPECT_TRUE(reply.ends_with("$4\r\ncode\r\n:9\r\n$14\r\nresponse_bytes\r\n:5\r\n")) << reply;
  Claim("with", {"FP", "abc"});
  const std::string hex = client2_.Ask({"IDEM.GET", "with"});
  EXPECT_NE(hex.find("fingerprint\r\n$32\r\n"), hex.npos) << hex;
}

TEST_F(IdemCommands, GetTellsWhatARecordHoldsOnDemandAlone) {
  const std::string token = Claim("k");
  EXPECT_THAT(client3_.Ask({"IDEM.GET", "k", "DATA"}), EndsWith("$8\r\nresponse\r\n_\r\n"));
  ExpectOk({"IDEM.COMPLETE", "k", token, "receipt"});
  EXPECT_THAT(client2_.Ask({"IDEM.GET", "k", "data"}),
              EndsWith("$8\r\nresponse\r\n" + Bulk("receipt")));
  EXPECT_THAT(client2_.Ask({"IDEM.GET", "k"}), Not(HasSubstr("receipt")));
  ExpectOk({"IDEM.FORGET", "k", "BODY"});
  EXPECT_THAT(client2_.Ask({"IDEM.GET", "k", "DATA"}),
              EndsWith("$14\r\nresponse_bytes\r\n:7\r\n$8\r\nresponse\r\n$-1\r\n"));
  ExpectError({"IDEM.GET", "k", "ALL"}, "SYNTAX error at 'ALL'; usage: IDEM.GET key [DATA]");
  ExpectOk({"IDEM.FAIL", "paused", Claim("paused"), "RETRY", "AFTER", "500"});
  Advance(200);
  EXPECT_THAT(client2_.Ask({"IDEM.GET", "paused"}), HasSubstr("$14\r\nretry_after_ms\r\n:300\r\n"));
}

TEST_F(IdemCommands, RecordsAndPlainKeysDoNotMix) {
  ExpectOk({"SET", "plain", "v"});
  for (const Words& command :
       {Words{"IDEM.BEGIN", "plain"}, Words{"IDEM.COMPLETE", "plain", "1", "x"},
        Words{"IDEM.FAIL", "plain", "1", "RETRY"}, Words{"IDEM.EXTEND", "plain", "1", "1"},
        Words{"IDEM.RELEASE", "plain", "1"}, Words{"IDEM.GET", "plain"},
        Words{"IDEM.FORGET", "plain", "FORCE"}, Words{"IDEM.RESOLVE", "plain", "RETRY"}}) {
    ExpectError(command, kWrongType);
  }
  Claim("record");
  for (const Words& command :
       {Words{"GET", "record"}, Words{"SET", "record", "v"}, Words{"SETNX", "record", "v"},
        Words{"SETEX", "record", "1", "v"}, Words{"GETSET", "record", "v"},
        Words{"GETDEL", "record"}, Words{"STRLEN", "record"}, Words{"EXPIRE", "record", "1"},
        Words{"EXPIRE", "record", "-1"}, Words{"PERSIST", "record"},
        Words{"SET", "record", "v", "XX", "EXAT", "1"},
        Words{"SET", "record", "v", "NX", "EXAT", "1"}}) {
    ExpectError(command, kWrongType);
  }
  Expect({"MGET", "plain", "record"}, "*2\r\n$1\r\nv\r\n$-1\r\n", "*2\r\n$1\r\nv\r\n_\r\n");
  ExpectInteger({"EXISTS", "plain", "record", "none"}, 2);
  Expect({"TYPE", "record"}, "+record\r\n");
  ExpectInteger({"PTTL", "record"}, 86'430'000);
  ExpectInteger({"DBSIZE"}, 2);
}

}  // namespace
}  // namespace idem::server
