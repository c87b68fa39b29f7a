#include "server/options.h"

#include <string>
#include <vector>

#include "absl/flags/reflection.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace idem::server {
namespace {

using testing::HasSubstr;

absl::StatusOr<ServerOptions> Parse(const std::vector<const char*>& arguments) {
  const absl::FlagSaver saver;
  return ParseOptions(arguments);
}

std::string ErrorOf(const std::vector<const char*>& arguments) {
  const absl::StatusOr<ServerOptions> options = Parse(arguments);
  EXPECT_FALSE(options.ok());
  return std::string(options.status().message());
}

TEST(ParseOptions, Defaults) {
  setenv("XDG_STATE_HOME", "/state", 1);
  const absl::StatusOr<ServerOptions> options = Parse({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->port, 6379);
  EXPECT_EQ(options->bind, "127.0.0.1");
  EXPECT_EQ(options->store.directory, "/state/idem");
  EXPECT_EQ(options->store.durability, Durability::kAlways);
  EXPECT_EQ(options->store.memory_limit_bytes, uint64_t{1} << 30);
  EXPECT_GE(options->threads, 1);
}

TEST(ParseOptions, TheDirectoryFollowsTheUsersStateDirectory) {
  unsetenv("XDG_STATE_HOME");
  setenv("HOME", "/users/ada", 1);
  EXPECT_EQ(Parse({})->store.directory, "/users/ada/.local/state/idem");
  unsetenv("HOME");
  EXPECT_THAT(ErrorOf({}), HasSubstr("--dir"));
  EXPECT_EQ(Parse({"--dir", "here"})->store.directory, "here");
}

TEST(ParseOptions, TakesBothSpellings) {
  const auto options =
      Parse({"--port=7000", "--dir", "/d", "--default-lease-ms", "5", "--restart_grace_ms", "-1"});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->port, 7000);
  EXPECT_EQ(options->store.default_lease_ms, 5);
  EXPECT_EQ(options->store.restart_grace_ms, -1);
}

TEST(ParseOptions, WordsOfRedisForDurability) {
  const auto durability = [](const std::vector<const char*>& arguments) {
    std::vector<const char*> all = {"--dir", "/d"};
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
    EXPECT_THAT(ErrorOf({"--dir", "/d", "--maxmemory", bad}), HasSubstr("--maxmemory")) << bad;
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
  EXPECT_THAT(ErrorOf({"--prot", "1"}), HasSubstr("unknown option --prot"));
  EXPECT_THAT(ErrorOf({"7000"}), HasSubstr("unknown option 7000"));
  EXPECT_THAT(ErrorOf({"--port"}), HasSubstr("--port: needs a value"));
  EXPECT_THAT(ErrorOf({"--port", "x"}), HasSubstr("--port: cannot read 'x'"));
  EXPECT_THAT(ErrorOf({"--port", "65536"}), HasSubstr("it takes 0 to 65535"));
  EXPECT_THAT(ErrorOf({"--threads", "65"}), HasSubstr("--threads"));
  EXPECT_THAT(ErrorOf({"--maxclients", "0"}), HasSubstr("--maxclients"));
  EXPECT_THAT(ErrorOf({"--default-lease-ms", "0"}), HasSubstr("--default-lease-ms"));
  EXPECT_THAT(ErrorOf({"--default-retention-ms", "29999"}), HasSubstr("it takes 30000 to"));
  EXPECT_THAT(ErrorOf({"--appendfsync", "sometimes"}), HasSubstr("--appendfsync: takes always"));
  EXPECT_THAT(ErrorOf({"--appendonly", "maybe"}), HasSubstr("--appendonly: takes yes or no"));
}

TEST(ParseOptions, ListensOnLoopbackOnly) {
  for (const char* address : {"127.0.0.1", "127.8.8.8", "::1"}) {
    EXPECT_TRUE(Parse({"--dir", "/d", "--bind", address}).ok()) << address;
  }
  for (const char* address : {"0.0.0.0", "192.168.0.1", "::", "localhost", ""}) {
    EXPECT_THAT(ErrorOf({"--dir", "/d", "--bind", address}), HasSubstr("password")) << address;
  }
}

TEST(UsageText, ListsEveryFlagWithItsDefault) {
  EXPECT_THAT(UsageText(), HasSubstr("--appendfsync (always)"));
  EXPECT_THAT(UsageText(), HasSubstr("--restart-grace-ms (-1)"));
  EXPECT_THAT(UsageText(), testing::Not(HasSubstr("flagfile")));
}

TEST(HumanBytes, RoundsToOneDigit) {
  EXPECT_EQ(HumanBytes(0), "0 B");
  EXPECT_EQ(HumanBytes(1536), "1.5 KiB");
  EXPECT_EQ(HumanBytes(uint64_t{1} << 30), "1.0 GiB");
}

}  // namespace
}  // namespace idem::server
