// From flags, environment and file to ServerOptions, through the table of settings.
#include "server/options.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/option_sources.h"
#include "server/settings.h"

namespace idem::server {
namespace {

using testing::HasSubstr;
using testing::Not;

using Texts = std::vector<const char*>;

absl::StatusOr<ServerOptions> Parse(const Texts& arguments, const Texts& environment = {}) {
  return ParseOptions(arguments, environment);
}

std::string ErrorOf(const Texts& arguments, const Texts& environment = {}) {
  const absl::StatusOr<ServerOptions> options = Parse(arguments, environment);
  EXPECT_FALSE(options.ok());
  return std::string(options.status().message());
}

// A config file for one test.
class ConfigFile : public testing::Test {
 protected:
  ~ConfigFile() override { std::remove(path_.c_str()); }

  void Write(std::string_view text) { std::ofstream(path_, std::ios::binary) << text; }
  absl::StatusOr<ServerOptions> Read(std::string_view text, Texts arguments = {},
                                     const Texts& environment = {}) {
    Write(text);
    arguments.insert(arguments.begin(), {"--config", path_.c_str(), "--dir", "/d"});
    return Parse(arguments, environment);
  }
  std::string ErrorIn(std::string_view text) {
    const absl::StatusOr<ServerOptions> options = Read(text);
    EXPECT_FALSE(options.ok()) << text;
    return std::string(options.status().message());
  }

  const std::string path_ = testing::TempDir() + "idem-config-" + std::to_string(getpid());
};

TEST(Settings, StandardsAreWhatTheOptionsStartWith) {
  // These stand for something that depends on the machine.
  const std::set<std::string_view> resolved = {"dir", "threads"};
  const ServerOptions untouched;
  for (const Setting& setting : Settings()) {
    ServerOptions options;
    EXPECT_EQ(setting.set(setting.standard, options), "") << setting.name;
    if (resolved.contains(setting.name)) continue;
    EXPECT_EQ(setting.show(options), setting.show(untouched)) << setting.name;
  }
}

TEST(Settings, RowsAreComplete) {
  std::set<std::string_view> names;
  for (const Setting& setting : Settings()) {
    EXPECT_TRUE(names.insert(setting.name).second) << setting.name;
    EXPECT_EQ(FindSetting(setting.name), &setting);
    EXPECT_FALSE(setting.takes.empty()) << setting.name;
    EXPECT_FALSE(setting.reason.empty()) << setting.name;
    EXPECT_THAT(UsageText(), HasSubstr("\n  --" + std::string(setting.name) + " ("));
  }
}

TEST(Settings, WhatIsShownIsTakenAgain) {
  const absl::StatusOr<ServerOptions> options =
      Parse({"--dir", "/d", "--appendfsync", "everysec", "--maxmemory", "64mb", "--loglevel",
             "DEBUG", "--timeout", "7", "--threads", "2", "--bind", "::1"});
  ASSERT_TRUE(options.ok()) << options.status();
  for (const Setting& setting : Settings()) {
    ServerOptions again = *options;
    EXPECT_EQ(setting.set(setting.show(*options), again), "") << setting.name;
    EXPECT_EQ(setting.show(again), setting.show(*options)) << setting.name;
  }
}

TEST(Settings, TheNearestNameIsSuggested) {
  EXPECT_EQ(NearestSetting("prot"), "; did you mean port?");
  EXPECT_EQ(NearestSetting("max_memory"), "; did you mean maxmemory?");
  EXPECT_EQ(NearestSetting("TCP-KEEP-ALIVE"), "; did you mean tcp-keepalive?");
  EXPECT_EQ(NearestSetting("appendfsink"), "; did you mean appendfsync?");
  EXPECT_EQ(NearestSetting("daemonize"), "; --help lists all");
  EXPECT_EQ(NearestSetting(""), "; --help lists all");
  EXPECT_EQ(NearestSetting(std::string(1 << 20, 'x')), "; --help lists all");
}

TEST(ParseOptions, Defaults) {
  setenv("XDG_STATE_HOME", "/state", 1);
  const absl::StatusOr<ServerOptions> options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->store.directory, "/state/idem");
  EXPECT_EQ(options->store.durability, Durability::kAlways);
  EXPECT_GE(options->threads, 1);
  EXPECT_EQ(options->config_file, "");
  EXPECT_FALSE(options->check_only);
  EXPECT_TRUE(Parse({"--check-config"})->check_only);
}

TEST(ParseOptions, TheDirectoryFollowsTheUsersStateDirectory) {
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", "/users/ada", 1);
  EXPECT_EQ(Parse({})->store.directory, "/users/ada/.local/state/idem");
  unsetenv("HOME");
  EXPECT_THAT(ErrorOf({}), HasSubstr("--dir: neither XDG_STATE_HOME nor HOME"));
  EXPECT_EQ(Parse({"--dir", "here"})->store.directory, "here");
}

TEST(ParseOptions, TakesBothSpellings) {
  const auto options =
      Parse({"--port=7000", "--dir", "/d", "--default-lease-ms", "5", "--restart_grace_ms", "-1"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->port, 7000);
  EXPECT_EQ(options->store.policy.default_lease_ms, 5);
  EXPECT_EQ(options->store.restart_grace_ms, -1);
  EXPECT_EQ(Parse({"--dir", "/d", "--port", "1", "--port", "2"})->port, 2) << "the last one wins";
}

TEST(ParseOptions, WordsOfRedisForDurability) {
  const auto durability = [](const Texts& arguments) {
    Texts all = {"--dir", "/d"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return DurabilityName(Parse(all)->store);
  };
  EXPECT_EQ(durability({"--appendfsync", "always"}), "always");
  EXPECT_EQ(durability({"--appendfsync", "everysec"}), "everysec");
  EXPECT_EQ(durability({"--appendfsync", "interval", "--appendfsync-interval-ms", "50"}),
            "interval 50 ms");
  EXPECT_EQ(durability({"--appendfsync", "no"}), "os");
  EXPECT_EQ(durability({"--appendfsync", "OS"}), "os");
  EXPECT_EQ(durability({"--appendonly", "no"}), "memory");
  EXPECT_EQ(durability({"--appendonly", "no", "--appendfsync", "always"}), "memory")
      << "whatever the order";
  EXPECT_EQ(Parse({"--dir", "/d", "--appendonly", "no"})->store.directory, "");
}

TEST(ParseOptions, Bytes) {
  const auto limit = [](const char* text) {
    return Parse({"--dir", "/d", "--maxmemory", text})->store.memory_limit_bytes;
  };
  EXPECT_EQ(limit("16777216"), 16u << 20);
  EXPECT_EQ(limit("64mb"), 64u << 20);
  EXPECT_EQ(limit("2GB"), 2ull << 30);
  EXPECT_EQ(limit("100m"), 100'000'000u);
  for (const char* bad : {"", "x", "1mb", "0", "-5", "16777216tb", "99999999999999999999",
                          "17179869184gb", "1.5gb"}) {
    EXPECT_THAT(ErrorOf({"--dir", "/d", "--maxmemory", bad}),
                HasSubstr("--maxmemory: takes 16mb or more"))
        << bad;
  }
}

TEST(ParseOptions, SegmentBytes) {
  EXPECT_EQ(Parse({"--dir", "/d"})->store.segment_bytes, 64u << 20);
  EXPECT_EQ(Parse({"--dir", "/d", "--segment-bytes", "4mb"})->store.segment_bytes, 4u << 20);
  for (const char* bad : {"", "x", "65535", "2gb"}) {
    EXPECT_THAT(ErrorOf({"--dir", "/d", "--segment-bytes", bad}), HasSubstr("--segment-bytes"));
  }
}

TEST(ParseOptions, RefusesAndNamesTheFlag) {
  setenv("XDG_STATE_HOME", "/state", 1);
  EXPECT_EQ(ErrorOf({"--prot", "1"}), "unknown option --prot; did you mean port?");
  EXPECT_EQ(ErrorOf({"--port", "1", "stray"}), "unknown option stray; --help lists all");
  EXPECT_EQ(ErrorOf({"--"}), "unknown option --; --help lists all");
  EXPECT_EQ(ErrorOf({""}), "unknown option ; --help lists all");
  EXPECT_EQ(ErrorOf({"--port"}), "--port: needs a value");
  EXPECT_EQ(ErrorOf({"--port", "x"}), "--port: cannot read 'x'; it takes 0 to 65535");
  EXPECT_EQ(ErrorOf({"--port", "65536"}), "--port: 65536 is out of range; it takes 0 to 65535");
  EXPECT_THAT(ErrorOf({"--threads", "65"}), HasSubstr("--threads"));
  EXPECT_THAT(ErrorOf({"--maxclients", "0"}), HasSubstr("--maxclients"));
  EXPECT_THAT(ErrorOf({"--timeout", "-1"}), HasSubstr("--timeout"));
  EXPECT_THAT(ErrorOf({"--tcp-keepalive", "often"}), HasSubstr("--tcp-keepalive"));
  EXPECT_EQ(ErrorOf({"--loglevel", "loud"}), "--loglevel: takes notice, debug, verbose or warning");
  EXPECT_THAT(ErrorOf({"--default-lease-ms", "0"}), HasSubstr("--default-lease-ms"));
  EXPECT_EQ(ErrorOf({"--default-retention-ms", "29999"}),
            "--default-retention-ms: 29999 is less than default-lease-ms; it takes 30000 to "
            "7776000000");
  EXPECT_THAT(ErrorOf({"--appendfsync", "sometimes"}), HasSubstr("--appendfsync: takes always"));
  EXPECT_THAT(ErrorOf({"--appendonly", "maybe"}), HasSubstr("--appendonly: takes yes or no"));
  EXPECT_EQ(ErrorOf({"--config"}), "--config: needs a value");
  EXPECT_EQ(ErrorOf({"--config="}), "--config: needs the name of a file");
  EXPECT_THAT(ErrorOf({"--config", "/none/idem.conf"}),
              HasSubstr("cannot read the config file /none/idem.conf: No such file"));
  EXPECT_THAT(ErrorOf({"7000"}), HasSubstr("cannot read the config file 7000: No such file"));
  EXPECT_THAT(ErrorOf({"/"}), HasSubstr("cannot read the config file /: Is a directory"));
}

TEST(ParseOptions, ListensOnLoopbackOnlyWithoutAPassword) {
  for (const char* address : {"127.0.0.1", "127.8.8.8", "::1"}) {
    EXPECT_TRUE(Parse({"--dir", "/d", "--bind", address}).ok()) << address;
  }
  for (const char* address : {"0.0.0.0", "192.168.0.1", "::", "*", "127.0.0.1 -::*"}) {
    EXPECT_THAT(ErrorOf({"--dir", "/d", "--bind", address}), HasSubstr("without a password"))
        << address;
    EXPECT_TRUE(Parse({"--dir", "/d", "--bind", address}, {"IDEM_CONF_REQUIREPASS=x"}).ok());
  }
  EXPECT_EQ(ErrorOf({"--dir", "/d", "--bind", "localhost"}),
            "--bind: localhost is not a numeric address");
  EXPECT_TRUE(Parse({"--dir", "/d", "--bind", "127.0.0.1 -::1"}).ok());
  EXPECT_THAT(ErrorOf({"--dir", "/d", "--bind", ""}), HasSubstr("--bind: takes an address"));
}

TEST(ParseOptions, Environment) {
  const Texts environment = {"PATH=/bin", "IDEM_PORT=tcp://10.0.0.7:6379", "IDEM_CONF_PORT=7001",
                             "IDEM_CONF_DEFAULT_LEASE_MS=5", "IDEM_CONF_DIR=/a=b"};
  EXPECT_EQ(Parse({}, environment)->port, 7001);
  EXPECT_EQ(Parse({}, environment)->store.policy.default_lease_ms, 5);
  EXPECT_EQ(Parse({}, environment)->store.directory, "/a=b");
  EXPECT_EQ(Parse({"--port", "7000"}, environment)->port, 7000) << "a flag wins";
  EXPECT_EQ(ErrorOf({}, {"IDEM_CONF_PROT=1"}),
            "IDEM_CONF_PROT: no such setting; did you mean port?");
  EXPECT_EQ(ErrorOf({}, {"IDEM_CONF_PORT=x"}),
            "IDEM_CONF_PORT: cannot read 'x'; it takes 0 to 65535");
  EXPECT_EQ(ErrorOf({}, {"IDEM_CONF_PORT"}), "IDEM_CONF_PORT: cannot read ''; it takes 0 to 65535");
}

TEST_F(ConfigFile, IsReadAsRedisReadsIt) {
  const auto options = Read(
      "# a comment\n\n  \t\n   port 7002\r\nMaxMemory \"64mb\"\nappendfsync 'no'\n"
      "default_lease_ms   5\nport 7003\ntimeout 60");
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->port, 7003) << "the last line wins";
  EXPECT_EQ(options->store.memory_limit_bytes, 64u << 20);
  EXPECT_EQ(options->store.durability, Durability::kOs);
  EXPECT_EQ(options->store.policy.default_lease_ms, 5);
  EXPECT_EQ(options->timeout_s, 60) << "the last line needs no newline";
  EXPECT_EQ(options->config_file, path_);
  EXPECT_TRUE(Read("").ok());
}

TEST_F(ConfigFile, TheFirstArgumentMayNameIt) {
  Write("port 7002\ndir \"/with blank\"");
  EXPECT_EQ(Parse({path_.c_str()})->port, 7002);
  EXPECT_EQ(Parse({path_.c_str()})->store.directory, "/with blank");
  EXPECT_EQ(Parse({path_.c_str(), "--port", "7000"})->port, 7000);
}

TEST_F(ConfigFile, EnvironmentAndFlagsWinOverIt) {
  EXPECT_EQ(Read("port 7002", {}, {"IDEM_CONF_PORT=7001"})->port, 7001);
  EXPECT_EQ(Read("port 7002", {"--port", "7000"}, {"IDEM_CONF_PORT=7001"})->port, 7000);
  EXPECT_EQ(Read("port 7002\ntimeout 9", {"--port", "7000"})->timeout_s, 9);
}

TEST_F(ConfigFile, ErrorsNameFileAndLine) {
  const std::string at2 = path_ + ":2: ";
  EXPECT_EQ(ErrorIn("# x\nprot 7000\n"), at2 + "no such setting: prot; did you mean port?");
  EXPECT_EQ(ErrorIn("\nport\n"), at2 + "port: needs a value");
  EXPECT_EQ(ErrorIn("\nport 70000"), at2 + "port: 70000 is out of range; it takes 0 to 65535");
  EXPECT_EQ(ErrorIn("\nport 1 2"),
            at2 + "port: takes one value; put it in quotes if it has blanks");
  EXPECT_EQ(ErrorIn("\nport 7000 # mine\n"),
            at2 + "port: takes one value; put it in quotes if it has blanks");
  EXPECT_EQ(ErrorIn("\ndir \"/open"), at2 + "a quote has no partner");
  EXPECT_EQ(ErrorIn("\n*1\n"), at2 + "begins with no name of a setting; a comment begins with #");
  EXPECT_EQ(ErrorIn(std::string("\nport \0 7000", 12)), at2 + "is no line of a config file");
  EXPECT_EQ(ErrorIn("\n" + std::string(70'000, 'x')), at2 + "is no line of a config file");
}

TEST_F(ConfigFile, AnErrorIsOneLineWhateverIsInQuotes) {
  EXPECT_EQ(ErrorIn("prot\"a\\nb\\x1b\\x7f\" 1"),
            path_ + ":1: no such setting: prota\\x0ab\\x1b\\x7f; --help lists all");
  EXPECT_EQ(ErrorOf({"--port", "1\n2"}), "--port: cannot read '1\\x0a2'; it takes 0 to 65535");
}

TEST(UsageText, ListsEveryFlagWithItsDefault) {
  EXPECT_THAT(UsageText(), HasSubstr("--appendfsync (always)"));
  EXPECT_THAT(UsageText(), HasSubstr("--restart-grace-ms (-1)"));
  EXPECT_THAT(UsageText(), HasSubstr("takes 0 to 65535"));
}

TEST(HumanBytes, RoundsToOneDigit) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(uint64_t{1} << 30), "1.0 GiB");
}

}  // namespace
}  // namespace idem::server
