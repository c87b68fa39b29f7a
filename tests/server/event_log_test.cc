// The event log: its lines, and that no client can write them.
#include "server/event_log.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

using testing::HasSubstr;
using testing::Not;

class EventLogTest : public testing::Test {
 protected:
  EventLogTest() : path_(testing::TempDir() + "idem-event-log-" + std::to_string(getpid())) {
    std::remove(path_.c_str());
    EXPECT_TRUE(log_.Open(path_, LogLevel::kVerbose, &clock_).ok());
  }
  ~EventLogTest() override { std::remove(path_.c_str()); }

  std::string Text() const {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  FakeClock clock_{1'000'000, 1'700'000'000'123};
  std::string path_;
  EventLog log_;
};

TEST_F(EventLogTest, WritesOneLineAnEvent) {
  log_.Write(LogLevel::kNotice, "ready", {{"port", 6379}, {"dir", "/var/lib/idem"}});
  log_.Write(LogLevel::kWarning, "plain");
  EXPECT_EQ(Text(),
            "2023-11-14T22:13:20.123Z level=notice event=ready port=6379 dir=/var/lib/idem\n"
            "2023-11-14T22:13:20.123Z level=warning event=plain\n");
}

TEST_F(EventLogTest, LeavesOutWhatIsBelowItsLevel) {
  log_.Write(LogLevel::kDebug, "a");
  EXPECT_EQ(Text(), "");
  EXPECT_TRUE(log_.Wants(LogLevel::kVerbose));
  log_.set_level(LogLevel::kWarning);
  EXPECT_FALSE(log_.Wants(LogLevel::kNotice));
  const EventLog silent;
  EXPECT_FALSE(silent.Wants(LogLevel::kWarning));
  silent.Write(LogLevel::kWarning, "a");
  silent.WriteOfClient(LogLevel::kWarning, "a", {});
}

TEST_F(EventLogTest, EscapesEverythingThatIsNoPlainWord) {
  static constexpr char kHostile[] =
      "x\r\n2023-11-14T22:13:20.123Z level=warning event=forged \"q\" \\ \x1b[2J\x00 \xff=";
  log_.Write(
      LogLevel::kNotice, "e",
      {{"value", std::string_view(kHostile, sizeof(kHostile) - 1)}, {"empty", ""}, {"b", "a b"}});
  const std::string text = Text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
  for (const char c : text.substr(0, text.size() - 1)) EXPECT_TRUE(c >= ' ' && c <= '~') << int{c};
  EXPECT_THAT(text, HasSubstr(" value=\"x\\r\\n2023-"));
  EXPECT_THAT(text, HasSubstr("forged \\\"q\\\" \\\\ \\x1b[2J"));
  EXPECT_THAT(text, HasSubstr(" empty=\"\" b=\"a b\"\n"));
}

TEST_F(EventLogTest, CutsLongValues) {
  log_.Write(LogLevel::kNotice, "e", {{"value", std::string(10'000, 'x')}});
  EXPECT_THAT(Text(), HasSubstr(" value=\"" + std::string(EventLog::kValueBytes, 'x') + "..\"\n"));
}

TEST_F(EventLogTest, ClientsCannotFloodIt) {
  for (int i = 0; i < 1000; ++i) log_.WriteOfClient(LogLevel::kNotice, "e", {{"i", i}});
  const std::string text = Text();
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), EventLog::kClientEventsPerSecond);
  EXPECT_THAT(text, Not(HasSubstr("suppressed")));
  clock_.Advance(1000);
  log_.WriteOfClient(LogLevel::kNotice, "e", {});
  EXPECT_THAT(Text(), HasSubstr("event=e suppressed=990\n"));
  log_.Write(LogLevel::kNotice, "ours");
  EXPECT_THAT(Text(), HasSubstr("event=ours\n"));
}

TEST_F(EventLogTest, GoesOnInANewFileWhenItsOwnWasMovedAway) {
  log_.Write(LogLevel::kNotice, "old");
  const std::string moved = path_ + ".1";
  ASSERT_EQ(std::rename(path_.c_str(), moved.c_str()), 0);
  log_.Write(LogLevel::kNotice, "between");
  EXPECT_TRUE(log_.Reopen().ok());
  log_.Write(LogLevel::kNotice, "new");
  EXPECT_THAT(Text(), HasSubstr("event=new"));
  EXPECT_THAT(Text(), Not(HasSubstr("event=between")));
  std::remove(moved.c_str());
}

TEST_F(EventLogTest, AFileThatCannotBeIsTold) {
  EventLog log;
  EXPECT_THAT(std::string(log.Open("/nowhere/x", LogLevel::kNotice, &clock_).message()),
              HasSubstr("cannot write the log file /nowhere/x: No such file"));
}

TEST_F(EventLogTest, WhatAClientSentIsEscapedAndNamesNoSecret) {
  ServerOptions options = OneThreadServer::InMemory();
  options.log = &log_;
  OneThreadServer server(options);
  Client client(server);
  client.Ask({"AUTH", "default", "secret"});
  client.Ask({"SET", "key", "secret"});
  client.Ask({"EVAL", "return 'secret'", "0"});
  client.Feed("*1\r\n\x1b[31m\n event=forged\r\n");
  const std::string text = Text();
  EXPECT_THAT(text, Not(HasSubstr("secret")));
  EXPECT_THAT(text, HasSubstr(" level=notice event=unknown_script sha1="));
  EXPECT_THAT(text, HasSubstr(" level=verbose event=protocol_error peer=127.0.0.1:50000 error=\""));
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
  EXPECT_EQ(text.find('\x1b'), text.npos);
}

}  // namespace
}  // namespace idem::server
