// The parser against commands whole, cut at every place, and cut at random; against hostile input;
// and against its promises about cost. Every Parse here sees its bytes in a heap block of exactly
// their size, at a new address each time, so that AddressSanitizer reports any byte read too far
// and any pointer kept from an earlier call.
#include "server/resp_parser.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/test_size.h"

namespace idem::server {
namespace {

using Result = RespParser::Result;
using Command = std::vector<std::string>;
using namespace std::literals;

struct Outcome {
  std::vector<Command> commands;
  std::string error;
  size_t consumed = 0;  // by finished commands

  bool operator==(const Outcome&) const = default;
};

void PrintTo(const Outcome& outcome, std::ostream* os) {
  *os << testing::PrintToString(outcome.commands) << ", error '" << outcome.error << "', consumed "
      << outcome.consumed;
}

// Runs `input` through a parser that receives it in pieces which end at `cuts` and at its end.
Outcome ParseAll(std::string_view input, std::vector<size_t> cuts = {},
                 const RespLimits& limits = {}) {
  RespParser parser(limits);
  Outcome outcome;
  cuts.push_back(input.size());
  for (const size_t received : cuts) {
    for (;;) {
      const std::string_view unread = input.substr(outcome.consumed, received - outcome.consumed);
      const auto block = std::make_unique<char[]>(unread.size());
      unread.copy(block.get(), unread.size());
      if (parser.Parse({block.get(), unread.size()}) != Result::kCommand) break;
      outcome.commands.emplace_back(parser.args().begin(), parser.args().end());
      outcome.consumed += parser.consumed();
    }
    outcome.error = parser.error();
  }
  return outcome;
}

void ExpectSameAtEveryCut(std::string_view input, const RespLimits& limits = {}) {
  SCOPED_TRACE(testing::PrintToString(std::string(input)));
  const Outcome whole = ParseAll(input, {}, limits);
  std::vector<size_t> every_byte;
  for (size_t cut = 0; cut <= input.size(); ++cut) {
    every_byte.push_back(cut);
    ASSERT_EQ(ParseAll(input, {cut}, limits), whole) << "cut at " << cut;
  }
  ASSERT_EQ(ParseAll(input, every_byte, limits), whole) << "byte by byte";
}

std::string Multibulk(const Command& args) {
  std::string out = "*" + std::to_string(args.size()) + "\r\n";
  for (const std::string& arg : args) {
    out += "$" + std::to_string(arg.size()) + "\r\n" + arg + "\r\n";
  }
  return out;
}

struct Request {
  std::string_view bytes;
  std::vector<Command> commands;
};

const std::vector<Request>& GoodRequests() {
  static const auto* const requests = new std::vector<Request>{
      {"*1\r\n$4\r\nPING\r\n", {{"PING"}}},
      {"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$0\r\n\r\n", {{"SET", "k", ""}}},
      {"*2\r\n$4\r\nECHO\r\n$9\r\n\r\n$1\0*\r\n\n\r\n"sv, {{"ECHO", "\r\n$1\0*\r\n\n"s}}},
      {"*2\r\n$4\r\nPOST\r\n$5\r\nHost:\r\n", {{"POST", "Host:"}}},
      {"*0\r\n*-1\r\n*-5\r\n*1\r\n$4\r\nPING\r\n", {{}, {}, {}, {"PING"}}},
      {"*-9223372036854775808\r\nPING\r\n", {{}, {"PING"}}},
      {"PING\r\n", {{"PING"}}},
      {"PING\n", {{"PING"}}},
      {"\r\n\n  \t \r\nPING\r\n", {{}, {}, {}, {"PING"}}},
      {"PING\r\n*1\r\n$4\r\nPING\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPOSTX\r\nHost :\r\n",
       {{"PING"}, {"PING"}, {}, {"GET", "k"}, {"POSTX"}, {"Host", ":"}}},
  };
  return *requests;
}

TEST(RespParserTest, GivesTheCommandsOfEveryRequestAtEveryCut) {
  std::string all;
  for (const Request& request : GoodRequests()) {
    const Outcome want = {request.commands, "", request.bytes.size()};
    EXPECT_EQ(ParseAll(request.bytes), want) << testing::PrintToString(std::string(request.bytes));
    ExpectSameAtEveryCut(request.bytes);
    all += request.bytes;
  }
  ExpectSameAtEveryCut(all);
}

TEST(RespParserTest, SplitsInlineLinesByTheQuotingRulesOfRedis) {
  const std::vector<std::pair<std::string, Command>> lines = {
      {"  SET\tk \v\f v  ", {"SET", "k", "v"}},
      {"SET k a\vb\\n$c*d", {"SET", "k", "a\vb\\n$c*d"}},
      {"GET a\rb\r", {"GET", "a", "b"}},
      {R"(SET "a b" 'c d' "" '')", {"SET", "a b", "c d", "", ""}},
      {R"(ECHO "\n\r\t\b\a" "\\\"\q")", {"ECHO", "\n\r\t\b\a", "\\\"q"}},
      {R"(ECHO "\x41\xfF\x00" "\xZZ\x4")", {"ECHO", "A\xff\0"s, "xZZx4"}},
      {R"(ECHO 'it\'s' '"\n\\.' "'")", {"ECHO", "it's", R"("\n\\.)", "'"}},
      {R"(GET pre"fix" it'em 1')", {"GET", "prefix", "item 1"}},
  };
  for (const auto& [line, words] : lines) {
    for (const std::string end : {"\n", "\r\n"}) {
      EXPECT_EQ(ParseAll(line + end), (Outcome{{words}, "", line.size() + end.size()}));
      ExpectSameAtEveryCut(line + end);
    }
  }
}

TEST(RespParserTest, EveryPairOfCuts) {
  const std::string input = Multibulk({"SET", "k\r\n", ""}) + "GET \"k\\r\\n\" x\r\n";
  const Outcome whole = ParseAll(input);
  ASSERT_EQ(whole.commands.size(), 2u);
  for (size_t first = 0; first <= input.size(); ++first) {
    for (size_t second = first; second <= input.size(); ++second) {
      ASSERT_EQ(ParseAll(input, {first, second}), whole) << first << ", " << second;
    }
  }
}

struct Attack {
  std::string bytes;
  std::string_view error;  // without "ERR Protocol error: "
};

// The texts are those of Redis 7.0 unless the header of the parser says that we are stricter.
std::vector<Attack> Attacks() {
  std::vector<Attack> attacks = {
      {"*2147483647\r\n", "invalid multibulk length"},
      {"*1048577\r\n", "invalid multibulk length"},
      {"*1\n$4\nPING\n", "invalid multibulk length"},
      {"*11\n", "invalid multibulk length"},
      {"*1\r\n$44\n", "invalid bulk length"},
      {"*1\rX\n", "invalid multibulk length"},
      {"*1\r\nfoo\r\n", "expected '$', got 'f'"},
      {"*3\r\n$3\r\nSET\r\n$1\r\nx\r\nfooz\r\n", "expected '$', got 'f'"},
      {"*2\r\n$3\r\nGET\r\n\r\n", "expected '$', got '\r'"},
      {"*1\r\n$536870913\r\n", "invalid bulk length"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n$-10\r\n", "invalid bulk length"},
      {"*1\r\n$4\nPING\r\n", "invalid bulk length"},
      {"*1\r\n$4\r\nPINGPONG", "bulk string is not terminated by CRLF"},
      {"*1\r\n$4\r\nPING\r\r", "bulk string is not terminated by CRLF"},
      {"*1\r\n$4\r\nPING\n\n", "bulk string is not terminated by CRLF"},
      {"*" + std::string(29, '1') + "\r\n", "invalid multibulk length"},
      {"*" + std::string(31, '1'), "too big mbulk count string"},
      {"*1\r\n$" + std::string(64, '1') + "\r\n", "too big bulk count string"},
      {"SET k \"v\r\n", "unbalanced quotes in request"},
      {"SET k 'v\n", "unbalanced quotes in request"},
      {"SET k \"v\\\"\r\n", "unbalanced quotes in request"},
      {"SET k \"v\\\r\n", "unbalanced quotes in request"},
      {"SET k 'v\\'\r\n", "unbalanced quotes in request"},
      {"SET k 'v\\\\'\r\n", "unbalanced quotes in request"},
      {"SET k \"v\"w\r\n", "unbalanced quotes in request"},
      {"SET k 'v'\"w\"\r\n", "unbalanced quotes in request"},
      {std::string("GET k\0y\r\n", 9), "NUL byte in inline request"},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),  // a TLS client hello
       "NUL byte in inline request"},
  };
  // No second spelling of a number, no blank, no NUL, no overflow.
  for (const std::string_view number :
       {""sv, "+1"sv, "-"sv, "-0"sv, "--1"sv, "00"sv, "01"sv, "-01"sv, " 1"sv, "1 "sv, "1\0"sv,
        "\0"sv, "0x1"sv, "1.0"sv, "blabla"sv, "9223372036854775808"sv, "-9223372036854775809"sv,
        "9223372036854775807"sv, "18446744073709551617"sv}) {
    const std::string line = std::string(number) + "\r\n";
    attacks.push_back({"*" + line, "invalid multibulk length"});
    attacks.push_back({"*1\r\n$" + line, "invalid bulk length"});
  }
  return attacks;
}

TEST(RespParserTest, AnswersHostileInputWithTheTextOfRedisAtEveryCut) {
  const std::string before = Multibulk({"PING"});
  for (const Attack& attack : Attacks()) {
    const Outcome want = {
        {{"PING"}}, "ERR Protocol error: " + std::string(attack.error), before.size()};
    EXPECT_EQ(ParseAll(before + attack.bytes), want);
    ExpectSameAtEveryCut(before + attack.bytes);
  }
}

TEST(RespParserTest, AnErrorIsFinal) {
  RespParser parser({});
  ASSERT_EQ(parser.Parse("*x\r\n"), Result::kError);
  EXPECT_EQ(parser.Parse("PING\r\n"), Result::kError);
  EXPECT_EQ(parser.error(), "ERR Protocol error: invalid multibulk length");
}

TEST(RespParserTest, ClosesOnHttp) {
  for (const std::string_view line :
       {"POST / HTTP/1.1\r\n", "post /x", "Host: a\n", "host:a\r\n"}) {
    const std::string bytes = std::string(line) + "\r\n";
    EXPECT_EQ(ParseAll(bytes), (Outcome{{}, std::string(RespParser::kHttpError), 0})) << line;
    ExpectSameAtEveryCut(bytes);
  }
  const Outcome get = ParseAll("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(get.commands, (std::vector<Command>{{"GET", "/", "HTTP/1.1"}}));
  EXPECT_EQ(get.error, RespParser::kHttpError);
}

TEST(RespParserTest, AnUnfinishedCommandIsNoError) {
  for (const std::string_view start :
       {"", "*", "*1", "*1\r", "*1\r\n", "*1\r\n$", "*1\r\n$4\r\nPI", "*1\r\n$4\r\nPING",
        "*1\r\n$4\r\nPING\r", "PING", "PING\r"}) {
    EXPECT_EQ(ParseAll(start), Outcome{}) << start;
  }
}

TEST(RespParserTest, InlineLimitIsExact) {
  constexpr size_t kLimit = 64 * 1024;
  const Outcome fits = ParseAll(std::string(kLimit, 'a') + "\n");
  EXPECT_EQ(fits, (Outcome{{{std::string(kLimit, 'a')}}, "", kLimit + 1}));
  EXPECT_EQ(ParseAll(std::string(kLimit, 'a')), Outcome{}) << "the newline may still come";

  const Outcome too_big = {{}, "ERR Protocol error: too big inline request", 0};
  EXPECT_EQ(ParseAll(std::string(kLimit + 1, 'a')), too_big);
  EXPECT_EQ(ParseAll(std::string(kLimit + 1, 'a') + "\n"), too_big);
  EXPECT_EQ(ParseAll(std::string(kLimit + 1, 'a') + "\n", {7, kLimit, kLimit + 1}), too_big);

  for (const std::string_view line :
       {"12345678\n"sv, "123456789\n"sv, "12345678\r\n"sv, "123456789\0\n"sv}) {
    ExpectSameAtEveryCut(line, {.max_inline_bytes = 8});
  }
}

TEST(RespParserTest, LimitsAreExact) {
  const RespLimits limits = {.max_args = 2, .max_bulk_bytes = 9, .max_command_bytes = 32};
  const std::string longest = Multibulk({"ECHO", "123456789"});
  ASSERT_EQ(longest.size(), 29u);
  EXPECT_EQ(ParseAll(longest, {}, limits).commands.size(), 1u);
  EXPECT_EQ(ParseAll("a b\n", {}, limits).commands.size(), 1u);

  const auto error = [&](std::string_view bytes) { return ParseAll(bytes, {}, limits).error; };
  EXPECT_EQ(error("*3\r\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error("a b c\n"), "ERR Protocol error: invalid multibulk length");
  EXPECT_EQ(error("*1\r\n$10\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error("*2\r\n$8\r\n12345678\r\n$8\r\n"), "");
  EXPECT_EQ(error("*2\r\n$8\r\n12345678\r\n$9\r\n"), "ERR Protocol error: too big request");
}

TEST(RespParserTest, BeforeAuthLittleIsAllowedAndTheTextSaysWhy) {
  constexpr RespLimits kLimits = RespLimits::BeforeAuth();
  const auto error = [&](std::string_view bytes) { return ParseAll(bytes, {}, kLimits).error; };
  EXPECT_EQ(error(Multibulk(Command(10, "a"))), "");
  EXPECT_EQ(error("*11\r\n"), "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(error("1 2 3 4 5 6 7 8 9 10\n"), "");
  EXPECT_EQ(error("1 2 3 4 5 6 7 8 9 10 11\n"),
            "ERR Protocol error: unauthenticated multibulk length");
  EXPECT_EQ(error("*1\r\n$16384\r\n"), "");
  EXPECT_EQ(error("*1\r\n$16385\r\n"), "ERR Protocol error: unauthenticated bulk length");
  EXPECT_EQ(error("*1\r\n$-1\r\n"), "ERR Protocol error: invalid bulk length");
  EXPECT_EQ(error(std::string(16385, 'a')), "ERR Protocol error: too big inline request");
}

TEST(RespParserTest, NewLimitsHoldFromTheNextCommand) {
  const std::string input = Multibulk({"AUTH", "pw"}) + Multibulk(Command(11, "a"));
  RespParser parser(RespLimits::BeforeAuth());
  ASSERT_EQ(parser.Parse(input), Result::kCommand);
  parser.set_limits(RespLimits());
  ASSERT_EQ(parser.Parse(std::string_view(input).substr(parser.consumed())), Result::kCommand);
  EXPECT_EQ(parser.args().size(), 11u);
}

TEST(RespParserTest, ArgumentsAreViewsIntoTheBuffer) {
  for (const std::string& input : {Multibulk({"GET", "a key"}), "GET key\r\n"s}) {
    RespParser parser({});
    ASSERT_EQ(parser.Parse(input), Result::kCommand);
    for (const std::string_view arg : parser.args()) {
      EXPECT_GE(arg.data(), input.data());
      EXPECT_LE(arg.data() + arg.size(), input.data() + input.size());
    }
  }
}

TEST(RespParserTest, ManyQuotedWordsStayValidTogether) {
  std::string line;
  Command want;
  for (int i = 0; i < 1000; ++i) {
    want.push_back("word " + std::to_string(i));
    line += "\"" + want.back() + "\" ";
  }
  EXPECT_EQ(ParseAll(line + "\n").commands, std::vector<Command>{want});
}

// Finished bytes are overwritten with bytes that would be an error or the end of a line, so a
// parser that looks at them again cannot get through.
TEST(RespParserTest, LooksAtNoFinishedArgumentAgain) {
  std::string buffer = Multibulk(Command(1000, "abc"));
  constexpr size_t kHeaderBytes = 7;  // *1000\r\n
  constexpr size_t kArgBytes = 9;     // $3\r\nabc\r\n
  RespParser parser({});
  for (size_t size = 1; size < buffer.size(); ++size) {
    ASSERT_EQ(parser.Parse({buffer.data(), size}), Result::kNeedMore) << size;
    const bool at_boundary = size >= kHeaderBytes && (size - kHeaderBytes) % kArgBytes == 0;
    if (at_boundary) std::fill(buffer.begin() + 1, buffer.begin() + static_cast<long>(size), 'X');
  }
  ASSERT_EQ(parser.Parse(buffer), Result::kCommand);
  EXPECT_EQ(parser.args().size(), 1000u);
  EXPECT_EQ(parser.args().back(), "abc");
  EXPECT_EQ(parser.args()[998], "XXX");
}

TEST(RespParserTest, LooksForTheEndOfALineInNewBytesOnly) {
  std::string buffer = "GET " + std::string(10000, 'a') + "\r\n";
  RespParser parser({});
  for (size_t size = 1; size < buffer.size(); ++size) {
    ASSERT_EQ(parser.Parse({buffer.data(), size}), Result::kNeedMore) << size;
    if (size > 1) buffer[size - 1] = '\n';
  }
  ASSERT_EQ(parser.Parse(buffer), Result::kCommand);
  EXPECT_EQ(parser.consumed(), buffer.size());
}

// With a rescan in each call these would run for hours.
TEST(RespParserTest, AMillionArgumentsMayTrickleIn) {
  const std::string input = Multibulk(Command(1024 * 1024, "a"));
  RespParser parser({});
  for (size_t size = 1; size < input.size(); ++size) {
    ASSERT_EQ(parser.Parse({input.data(), size}), Result::kNeedMore);
  }
  ASSERT_EQ(parser.Parse(input), Result::kCommand);
  EXPECT_EQ(parser.args().size(), 1024u * 1024u);

  EXPECT_GT(parser.memory_bytes(), 16u << 20);
  EXPECT_EQ(parser.Parse(""), Result::kNeedMore);
  EXPECT_LT(parser.memory_bytes(), 16u << 10) << "an idle client keeps no room for a large command";
}

TEST(RespParserTest, ALargeBulkMayTrickleIn) {
  const std::string input = Multibulk({"SET", "k", std::string(2 << 20, '\n')});
  RespParser parser({});
  for (size_t size = 1; size < input.size(); ++size) {
    ASSERT_EQ(parser.Parse({input.data(), size}), Result::kNeedMore);
  }
  ASSERT_EQ(parser.Parse(input), Result::kCommand);
  EXPECT_EQ(parser.args()[2].size(), size_t{2} << 20);
}

TEST(RespParserTest, ChargesMemoryForReceivedBytesOnly) {
  RespParser parser({});
  EXPECT_EQ(parser.Parse("*1048576\r\n$536870912\r\nabc"), Result::kNeedMore);
  EXPECT_LT(parser.memory_bytes(), 1024u);
}

class RespParserRandomTest : public testing::Test {
 protected:
  // A number in [0, below).
  size_t Pick(size_t below) { return std::uniform_int_distribution<size_t>(0, below - 1)(random_); }

  std::vector<size_t> RandomCuts(size_t size) {
    std::vector<size_t> cuts(Pick(8));
    for (size_t& cut : cuts) cut = Pick(size + 1);
    std::sort(cuts.begin(), cuts.end());
    return cuts;
  }

  Command RandomCommand() {
    static constexpr std::string_view kAlphabet = "ab \r\n\t\"'\\x0$*-1\0\xff\v"sv;
    Command command(1 + Pick(5));
    for (std::string& arg : command) {
      for (size_t left = Pick(12); left > 0; --left) arg += kAlphabet[Pick(kAlphabet.size())];
    }
    return command;
  }

  std::string Quoted(const std::string& arg) {
    std::string out = "\"";
    for (const char c : arg) {
      char hex[5];
      std::snprintf(hex, sizeof(hex), "\\x%02x", static_cast<unsigned>(c) & 0xffu);
      const bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 && Pick(4) > 0;
      out += plain ? std::string(1, c) : hex;
    }
    return out + "\"";
  }

  std::string Inline(const Command& command) {
    std::string line;
    for (const std::string& arg : command) line += Quoted(arg) + std::string(1 + Pick(2), ' ');
    return line + (Pick(2) == 0 ? "\n" : "\r\n");
  }

 private:
  static uint64_t SeedFromEnvironment() {
    const char* const text = std::getenv("IDEM_SEED");
    return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
  }

  const uint64_t seed_ = SeedFromEnvironment();
  const testing::ScopedTrace replay_{__FILE__, __LINE__,
                                     "replay with IDEM_SEED=" + std::to_string(seed_)};
  std::mt19937_64 random_{seed_};
};

TEST_F(RespParserRandomTest, WhatWasEncodedComesBack) {
  for (int64_t round = 0; round < TestSize(20'000); ++round) {
    Outcome want;
    std::string input;
    for (size_t left = 1 + Pick(4); left > 0; --left) {
      want.commands.push_back(RandomCommand());
      input += Pick(2) == 0 ? Inline(want.commands.back()) : Multibulk(want.commands.back());
    }
    want.consumed = input.size();
    ASSERT_EQ(ParseAll(input, RandomCuts(input.size())), want) << "round " << round;
  }
}

TEST_F(RespParserRandomTest, DamagedInputMeansTheSameHoweverItIsCut) {
  static constexpr std::string_view kDamage = "*$-0139\r\n \"'\\x\0PH:"sv;
  for (int64_t round = 0; round < TestSize(100'000); ++round) {
    std::string input;
    for (size_t left = 1 + Pick(3); left > 0; --left) {
      input += GoodRequests()[Pick(GoodRequests().size())].bytes;
    }
    for (size_t left = 1 + Pick(3); left > 0; --left) {
      input[Pick(input.size())] = kDamage[Pick(kDamage.size())];
    }
    const RespLimits limits = {.max_args = 4, .max_bulk_bytes = 64, .max_inline_bytes = 24};
    const Outcome whole = ParseAll(input, {}, limits);
    ASSERT_EQ(ParseAll(input, RandomCuts(input.size()), limits), whole)
        << "round " << round << ": " << testing::PrintToString(input);
  }
}

}  // namespace
}  // namespace idem::server
