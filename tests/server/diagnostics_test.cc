// What the server tells of where its time goes: counts, histograms, SLOWLOG, LATENCY.
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/command_stats.h"
#include "server/slow_log.h"
#include "server/totals.h"
#include "tests/server/client.h"

namespace idem::server {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

TEST(Durations, GoToTheSmallestBucketThatHoldsThem) {
  EXPECT_EQ(DurationBucketOf(-1), 0u);
  EXPECT_EQ(DurationBucketOf(0), 0u);
  EXPECT_EQ(DurationBucketOf(1000), 0u);
  EXPECT_EQ(DurationBucketOf(1001), 1u);
  for (size_t i = 1; i < kDurationBounds; ++i) {
    EXPECT_EQ(DurationBucketOf(DurationBoundUs(i) * 1000), i);
    EXPECT_EQ(DurationBucketOf(DurationBoundUs(i) * 1000 + 1), i + 1);
  }
  EXPECT_EQ(DurationBucketOf(INT64_MAX), kDurationBounds);
}

TEST(Durations, PercentilesAreTheBoundsOfTheirBuckets) {
  DurationHistogram histogram;
  DurationTotals none;
  EXPECT_EQ(none.PercentileUs(50), 0);
  EXPECT_EQ(none.mean_us(), 0);
  for (int i = 0; i < 98; ++i) histogram.Add(3'000);
  histogram.Add(100'000);
  histogram.Add(INT64_MAX / 2);
  DurationTotals totals;
  histogram.AddTo(totals);
  EXPECT_EQ(totals.count, 100u);
  EXPECT_EQ(totals.PercentileUs(50), 4);
  EXPECT_EQ(totals.PercentileUs(98), 4);
  EXPECT_EQ(totals.PercentileUs(99), 128);
  EXPECT_EQ(totals.PercentileUs(100), DurationBoundUs(kDurationBounds));
}

TEST(SlowLogEntries, AreCutAndBounded) {
  const Live<int64_t> all = 0;
  SlowLog log(all, 2);
  const std::string long_word(200, 'x');
  const std::vector<std::string_view> words(40, long_word);
  log.Add(1, 10, words, "peer", "name");
  const SlowLog::Entry entry = log.Newest(1).front();
  ASSERT_EQ(entry.words.size(), SlowLog::kWords);
  EXPECT_EQ(entry.words[0], std::string(128, 'x') + "... (72 more bytes)");
  EXPECT_EQ(entry.words.back(), "... (9 more arguments)");
  const std::vector<std::string_view> fitting(32, "k");
  log.Add(2, 10, fitting, "", "");
  log.Add(3, 10, fitting, "", "");
  EXPECT_EQ(log.size(), 2u) << "the oldest went";
  EXPECT_EQ(log.Newest(9)[0].id, 2u);
  EXPECT_EQ(log.Newest(9)[1].id, 1u);
  EXPECT_EQ(log.Newest(9)[0].words.back(), "k");
  log.Clear();
  EXPECT_THAT(log.Newest(9), ElementsAre());
  log.Add(4, 10, fitting, "", "");
  EXPECT_EQ(log.Newest(9)[0].id, 3u) << "ids rise over a clearing";
}

ServerOptions SlowerThan(int64_t us) {
  ServerOptions options = OneThreadServer::InMemory();
  options.slowlog_log_slower_than_us = us;
  return options;
}

CommandTotals TotalsOf(OneThreadServer& server, std::string_view name) {
  for (const NamedTotals& named : SumByCommand(server.loop().server)) {
    if (named.name == name) return named.totals;
  }
  return {};
}

TEST(Slowlog, HoldsNamesAndKeysButNoSecrets) {
  OneThreadServer server(SlowerThan(0));
  Client client(server);
  client.Ask({"CLIENT", "SETNAME", "worker"});
  client.Ask({"AUTH", "default", "secret"});
  client.Ask({"SLOWLOG", "RESET"});
  client.Ask({"SET", "key", "secret"});
  client.Ask({"MGET", "a", "b"});
  client.Ask({"IDEM.COMPLETE", "order", "1", "secret"});
  client.Ask({"KEYS", "pattern*"});
  client.Ask({"AUTH", "default", "secret"});
  EXPECT_EQ(client.Ask({"SLOWLOG", "LEN"}), ":6\r\n") << "the RESET itself, too";
  const std::string told = client.Ask({"SLOWLOG", "GET", "-1"});
  EXPECT_THAT(told, Not(HasSubstr("secret")));
  EXPECT_THAT(told, HasSubstr("*2\r\n" + Bulk("set") + Bulk("key") + Bulk("127.0.0.1:50000") +
                              Bulk("worker")));
  EXPECT_THAT(told, HasSubstr("*3\r\n" + Bulk("mget") + Bulk("a") + Bulk("b")));
  EXPECT_THAT(told, HasSubstr("*2\r\n" + Bulk("idem.complete") + Bulk("order")));
  EXPECT_THAT(told, HasSubstr("*2\r\n" + Bulk("KEYS") + Bulk("pattern*")));
  EXPECT_THAT(told, HasSubstr("*1\r\n" + Bulk("auth")));
  EXPECT_THAT(told, HasSubstr("\r\n:1800000000\r\n:")) << "the wall clock's seconds";
  EXPECT_THAT(client.Ask({"SLOWLOG", "GET", "1"}), MatchesRegex("\\*1\r\n\\*6\r\n:[0-9]+\r\n.*"));
}

TEST(Slowlog, IsOffAtMinusOneAndEmptyWhereNothingIsSlow) {
  OneThreadServer off(SlowerThan(-1));
  OneThreadServer patient(SlowerThan(60'000'000));
  for (OneThreadServer* server : {&off, &patient}) {
    Client client(*server);
    client.Ask({"KEYS", "*"});
    EXPECT_EQ(client.Ask({"SLOWLOG", "LEN"}), ":0\r\n");
    EXPECT_EQ(client.Ask({"SLOWLOG", "GET"}), "*0\r\n");
    EXPECT_EQ(client.Ask({"SLOWLOG", "RESET"}), "+OK\r\n");
  }
}

TEST(Slowlog, TimesABatchAndSharesItByRequests) {
  OneThreadServer server(SlowerThan(0));
  Client client(server);
  client.Feed(Encode({"GET", "a"}) + Encode({"BAD"}) + Encode({"MGET", "b", "c"}));
  EXPECT_THAT(client.Receive(), EndsWith("*2\r\n$-1\r\n$-1\r\n"));
  EXPECT_EQ(client.Ask({"SLOWLOG", "LEN"}), ":2\r\n") << "the command that is none has no entry";
  const uint64_t get_ns = TotalsOf(server, "get").durations.sum_ns;
  const uint64_t mget_ns = TotalsOf(server, "mget").durations.sum_ns;
  EXPECT_GT(get_ns, 0u);
  EXPECT_NEAR(static_cast<double>(mget_ns), 2 * static_cast<double>(get_ns), 2);
}

TEST(CommandStatistics, CountCallsAndErrors) {
  OneThreadServer server;
  Client client(server);
  client.Feed(Encode({"GET", "a"}) + Encode({"GET", "b"}) + Encode({"IDEM.GET", "a"}));
  client.Ask({"IDEM.COMPLETE", "a", "1", "x"});
  client.Ask({"SELECT", "9"});
  client.Ask({"NONSENSE"});
  client.Ask({"CLIENT", "ID"});
  client.Ask({"MULTI"});
  client.Ask({"GET", "a"});
  client.Ask({"EXEC"});
  const std::string info = client.Ask({"INFO", "commandstats"});
  EXPECT_THAT(info, HasSubstr("cmdstat_get:calls=3,usec="));
  EXPECT_THAT(info, HasSubstr("cmdstat_client|id:calls=1,"));
  EXPECT_THAT(info, HasSubstr("cmdstat_exec:calls=1,"));
  EXPECT_THAT(info, testing::ContainsRegex("cmdstat_idem.complete:calls=1,.*failed_calls=1"));
  EXPECT_THAT(info, testing::ContainsRegex("cmdstat_select:calls=1,.*failed_calls=1"));
  EXPECT_THAT(client.Ask({"INFO", "stats"}), HasSubstr("total_error_replies:3\r\n"));
  EXPECT_THAT(client.Ask({"INFO"}), Not(HasSubstr("cmdstat_"))) << "as in Redis";
  EXPECT_THAT(client.Ask({"INFO", "default"}), Not(HasSubstr("cmdstat_")));
  EXPECT_THAT(client.Ask({"INFO", "ALL"}), HasSubstr("cmdstat_get"));
}

TEST(LatencyHistogram, TellsWhatWasTimed) {
  OneThreadServer server(SlowerThan(0));
  Client client(server);
  EXPECT_EQ(client.Ask({"LATENCY", "HISTOGRAM", "get"}), "*0\r\n");
  client.Ask({"GET", "a"});
  const std::string histogram =
      "\\*2\r\n\\$3\r\nget\r\n\\*4\r\n\\$5\r\ncalls\r\n:1\r\n"
      "\\$14\r\nhistogram_usec\r\n\\*2\r\n:[0-9]+\r\n:1\r\n";
  EXPECT_THAT(client.Ask({"LATENCY", "HISTOGRAM", "GET", "nonsense"}), MatchesRegex(histogram));
  EXPECT_THAT(client.Ask({"INFO", "latencystats"}), HasSubstr("latency_percentiles_usec_get:p50="));
  client.Ask({"HELLO", "3"});
  EXPECT_THAT(client.Ask({"LATENCY", "HISTOGRAM", "get"}),
              MatchesRegex("%1\r\n.*%2\r\n.*%1\r\n.*"));
}

TEST(LatencyHistogram, IsASampleWhereNobodyAsksForMore) {
  OneThreadServer server;
  Client client(server);
  for (int i = 0; i < 640; ++i) client.Ask({"GET", "a"});
  EXPECT_THAT(client.Ask({"INFO", "commandstats"}), HasSubstr("cmdstat_get:calls=640,usec="));
  EXPECT_EQ(TotalsOf(server, "get").durations.count, 10u);
}

TEST(Monitor, IsRefusedClearly) {
  OneThreadServer server;
  Client client(server);
  EXPECT_THAT(client.Ask({"MONITOR"}), HasSubstr("ERR unknown command 'MONITOR'"));
}

}  // namespace
}  // namespace idem::server
