// The admin port's HTTP: what is understood, what is refused, and how early.
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "server/admin/http.h"
#include "server/admin/metrics_text.h"

namespace idem::server {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
using State = HttpRequest::State;

constexpr std::string_view kWhole = "GET /metrics?a=b HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";

TEST(AdminHttp, TakesAGetAtItsLastByteOnly) {
  for (size_t size = 0; size < kWhole.size(); ++size) {
    EXPECT_EQ(ParseHttpRequest(kWhole.substr(0, size)).state, State::kIncomplete) << size;
  }
  const HttpRequest request = ParseHttpRequest(kWhole);
  EXPECT_EQ(request.state, State::kWhole);
  EXPECT_EQ(request.path, "/metrics");
  EXPECT_EQ(ParseHttpRequest("GET / HTTP/1.0\r\n\r\n").path, "/");
  EXPECT_EQ(ParseHttpRequest(std::string(kWhole) + "more").path, "/metrics");
}

void ExpectRefused(std::string_view bytes, int status) {
  const HttpRequest request = ParseHttpRequest(bytes);
  EXPECT_EQ(request.state, State::kRefused) << bytes.substr(0, 40);
  EXPECT_EQ(request.status, status) << bytes.substr(0, 40);
}

TEST(AdminHttp, RefusesWhatIsNoGet) {
  ExpectRefused("POST /metrics HTTP/1.1\r\n", 405);
  ExpectRefused("HEAD /metrics HTTP/1.1\r\n", 405);
  ExpectRefused("get /metrics HTTP/1.1\r\n", 405);
  ExpectRefused("GET\r\n", 400);
  ExpectRefused("\r\n", 400);
  ExpectRefused("GET /metrics\r\n", 400);
  ExpectRefused("GET  HTTP/1.1\r\n", 400);
  ExpectRefused("GET metrics HTTP/1.1\r\n", 400);
  ExpectRefused("GET http://other/ HTTP/1.1\r\n", 400);
  ExpectRefused("GET /a b HTTP/1.1\r\n", 400);
  ExpectRefused("GET /metrics HTTX/1.1\r\n", 400);
  ExpectRefused("GET /metrics HTTP/2.0\r\n", 505);
  ExpectRefused("*1\r\n$4\r\nPING\r\n", 400);
}

TEST(AdminHttp, RefusesBinaryAtOnce) {
  ExpectRefused("\x16\x03\x01", 400);
  ExpectRefused("GET /\xff", 400);
  ExpectRefused(std::string_view("GET /\0", 6), 400);
  ExpectRefused("GET /\n", 400);
  ExpectRefused("GET /\x7f HTTP/1.1\r\n", 400);
}

TEST(AdminHttp, RefusesEndlessRequests) {
  const std::string line = "GET /" + std::string(kHttpRequestBytes - 5, 'a');
  EXPECT_EQ(ParseHttpRequest(line.substr(1).insert(0, "G")).state, State::kRefused);
  ExpectRefused(line, 431);
  EXPECT_EQ(ParseHttpRequest(std::string_view(line).substr(0, line.size() - 1)).state,
            State::kIncomplete);
  std::string headers = "GET / HTTP/1.1\r\n";
  while (headers.size() < kHttpRequestBytes) headers += "X: y\r\n";
  ExpectRefused(headers, 431);
  ExpectRefused(headers + "\r\n", 431);
}

TEST(AdminHttp, SaysHowLongTheBodyIsAndCloses) {
  const std::string text = EncodeHttp({.status = 503, .body = "loading\n"});
  EXPECT_THAT(text, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nContent-Length: 8\r\n"));
  EXPECT_THAT(text, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(text, EndsWith("\r\n\r\nloading\n"));
  EXPECT_THAT(EncodeHttp(HttpError(405)), HasSubstr("405 Method Not Allowed\r\n"));
  EXPECT_THAT(EncodeHttp(HttpError(405)), HasSubstr("\r\nAllow: GET\r\n"));
  EXPECT_THAT(EncodeHttp(HttpError(404)), EndsWith("\r\n\r\nNot Found\n"));
}

TEST(MetricsText, WritesFamiliesSamplesAndHistograms) {
  MetricsText text;
  text.Counter("a_total", "What it is.", 7);
  text.GaugeSeconds("b_seconds", "Time.", 0.25);
  text.Family("c", "gauge", "Labels.");
  text.Sample(1, {{"x", "a\"b\\c\nd"}, {"y", ""}});
  EXPECT_EQ(text.text(),
            "# HELP a_total What it is.\n# TYPE a_total counter\na_total 7\n"
            "# HELP b_seconds Time.\n# TYPE b_seconds gauge\nb_seconds 0.25\n"
            "# HELP c Labels.\n# TYPE c gauge\nc{x=\"a\\\"b\\\\c\\nd\",y=\"\"} 1\n");
}

TEST(MetricsText, BucketsAddUp) {
  DurationHistogram histogram;
  histogram.Add(500);
  histogram.Add(3'000);
  histogram.Add(int64_t{100} << 30);
  DurationTotals totals;
  histogram.AddTo(totals);
  MetricsText text;
  text.Family("d_seconds", "histogram", "Durations.");
  text.Histogram(totals, {{"cmd", "get"}});
  EXPECT_THAT(text.text(), HasSubstr("\nd_seconds_bucket{cmd=\"get\",le=\"1e-06\"} 1\n"));
  EXPECT_THAT(text.text(), HasSubstr("\nd_seconds_bucket{cmd=\"get\",le=\"2e-06\"} 1\n"));
  EXPECT_THAT(text.text(), HasSubstr("\nd_seconds_bucket{cmd=\"get\",le=\"4e-06\"} 2\n"));
  EXPECT_THAT(text.text(), HasSubstr("\nd_seconds_bucket{cmd=\"get\",le=\"16.777216\"} 2\n"));
  EXPECT_THAT(text.text(), HasSubstr("\nd_seconds_bucket{cmd=\"get\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text.text(), EndsWith("\nd_seconds_sum{cmd=\"get\"} 107.3741859\n"
                                    "d_seconds_count{cmd=\"get\"} 3\n"));
}

}  // namespace
}  // namespace idem::server
