// The line in the event log that tells who settled a claim by hand, and that no key can forge it.
#include "server/audit.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/user_settings.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

class AuditTest : public testing::Test {
 protected:
  AuditTest() : path_(testing::TempDir() + "idem-audit-" + std::to_string(getpid())) {
    std::remove(path_.c_str());
    EXPECT_TRUE(log_.Open(path_, LogLevel::kWarning, &clock_).ok());
    client_.Ask({"AUTH", "ops", "secret"});
  }
  ~AuditTest() override { std::remove(path_.c_str()); }

  ServerOptions Options() {
    ServerOptions options = OneThreadServer::InMemory();
    options.log = &log_;
    EXPECT_EQ(FindSetting("user")->set("ops role=admin >secret", options), "");
    return options;
  }
  // Its token. The lease is over at once.
  std::string Claim(const std::string& key) {
    const std::string claimed = client_.Ask({"IDEM.BEGIN", key, "LEASE", "1"});
    server_.clock().Advance(25);
    const size_t begin = claimed.find(':') + 1;
    return claimed.substr(begin, claimed.find('\r', begin) - begin);
  }
  // What was written since the last call.
  std::string Written() {
    std::ifstream file(path_);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return text.substr(std::exchange(read_, text.size()));
  }
  static std::string Line(const std::string& decision, const std::string& key,
                          const std::string& token, int age_ms) {
    return " level=warning event=audit decision=" + decision + " key=" + key + " token=" + token +
           " age_ms=" + std::to_string(age_ms) + " user=ops peer=127.0.0.1:50000\n";
  }
  static std::string After(const std::string& token) {
    return std::to_string(std::stoll(token) + 1);
  }

  FakeClock clock_{1'000'000, 1'700'000'000'123};
  std::string path_;
  EventLog log_;
  OneThreadServer server_{Options()};
  Client client_{server_};
  size_t read_ = 0;
};

TEST_F(AuditTest, EachResolveHasOneLine) {
  std::string token = Claim("a");
  client_.Ask({"IDEM.RESOLVE", "a", "RETRY"});
  EXPECT_THAT(Written(), EndsWith("Z" + Line("retry", "a", After(token), 25)));
  token = Claim("a");
  client_.Ask({"IDEM.RESOLVE", "a", "COMPLETE", "personal"});
  std::string written = Written();
  EXPECT_THAT(written, EndsWith("Z" + Line("complete", "a", After(token), 25)));
  EXPECT_THAT(written, Not(HasSubstr("personal")));
  token = Claim("b");
  client_.Ask({"IDEM.RESOLVE", "b", "FAIL", "personal"});
  written = Written();
  EXPECT_THAT(written, EndsWith("Z" + Line("fail", "b", After(token), 25)));
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 1);
}

TEST_F(AuditTest, EachForgetByForceHasOneLine) {
  const std::string token = Claim("a");
  client_.Ask({"IDEM.STEP", "a", token, "charge", "personal"});
  client_.Ask({"IDEM.FORGET", "a", "BODY", "FORCE"});
  EXPECT_THAT(Written(), EndsWith("Z" + Line("forget_body", "a", token, 25)));
  client_.Ask({"IDEM.FORGET", "a", "FORCE"});
  EXPECT_THAT(Written(), EndsWith("Z" + Line("forget", "a", token, 25)));
}

TEST_F(AuditTest, WhatChangedNothingHasNone) {
  client_.Ask({"IDEM.RESOLVE", "none", "RETRY"});
  client_.Ask({"IDEM.FORGET", "none", "FORCE"});
  const std::string token = Claim("a");
  client_.Ask({"IDEM.FORGET", "a"});  // refused
  client_.Ask({"IDEM.COMPLETE", "a", token, "done"});
  client_.Ask({"IDEM.RESOLVE", "a", "RETRY"});  // refused
  client_.Ask({"IDEM.FORGET", "a"});
  EXPECT_EQ(Written(), "");
}

TEST_F(AuditTest, NoKeyForgesALine) {
  const std::string key =
      "x user=root\r\n2026-11-28T02:51:20.123Z level=warning event=audit decision=\"retry\" "
      "\x1b[2J\\";
  Claim(key);
  client_.Ask({"IDEM.RESOLVE", key, "RETRY"});
  std::string written = Written();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 1);
  EXPECT_EQ(written.find('\x1b'), written.npos);
  EXPECT_THAT(written, HasSubstr(" key=\"x user=root\\r\\n2026-11-28T02:51:20.123Z level=warning "
                                 "event=audit decision=\\\"retry\\\" \\x1b[2J\\\\\" token="));
  // A long one is cut; its token is not.
  const std::string token = Claim(std::string(1024, 'k'));
  client_.Ask({"IDEM.FORGET", std::string(1024, 'k'), "FORCE"});
  EXPECT_THAT(Written(), HasSubstr("k..\" token=" + token + " age_ms="));
}

// One pipeline, executed as one batch.
TEST_F(AuditTest, NoneIsSuppressed) {
  std::string pipeline;
  for (int i = 0; i < 50; ++i) {
    Claim("k" + std::to_string(i));
    pipeline += Encode({"IDEM.RESOLVE", "k" + std::to_string(i), "RETRY"});
  }
  client_.Feed(pipeline);
  client_.Receive();
  const std::string written = Written();
  EXPECT_EQ(std::count(written.begin(), written.end(), '\n'), 50);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(written, HasSubstr(" key=k" + std::to_string(i) + " token="));
  }
}

}  // namespace
}  // namespace idem::server
