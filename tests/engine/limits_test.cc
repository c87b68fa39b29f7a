// Each limit on a request, at the last value that is in and the first one that is out.
#include "store/limits.h"

#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/requests.h"

namespace idem::engine {
namespace {

constexpr int64_t kDayMs = 24 * 3'600'000;
constexpr Policy kPolicy{
    .default_lease_ms = 30'000, .default_retention_ms = kDayMs, .max_response_bytes = 1'000};

bool Valid(const Request& request) { return WhyInvalid(request, kPolicy) == nullptr; }

const std::vector<Request>& OneOfEach() {
  static const std::vector<Request> requests = {
      Begin({}),          Complete(1, "x"),     FailFinal(1, "x"),
      FailRetry(1),       Extend(1, 1),         Release(1),
      Put("x"),           SetDeadline(1),       Resolve(Resolution::kClaimable),
      Remove(Kind::kAny), Get(Kind::kAny, true)};
  return requests;
}

// Every value in `in` is accepted by `set` on `request`, none in `out`, and these say why.
template <typename T>
void ExpectEdges(const Request& request, const std::function<void(Request&, T)>& set,
                 const std::vector<T>& in, const std::vector<T>& out, const std::string& why) {
  Request tried = request;
  for (const T& value : in) {
    set(tried, value);
    EXPECT_TRUE(Valid(tried)) << value << ": " << WhyInvalid(tried, kPolicy);
  }
  for (const T& value : out) {
    set(tried, value);
    ASSERT_FALSE(Valid(tried)) << value;
    EXPECT_NE(std::string(WhyInvalid(tried, kPolicy)).find(why), std::string::npos)
        << WhyInvalid(tried, kPolicy);
  }
}

constexpr int64_t kLowest = std::numeric_limits<int64_t>::min();
constexpr int64_t kHighest = std::numeric_limits<int64_t>::max();

void SetLease(Request& request, int64_t ms) { request.lease_ms = ms; }
void SetRetention(Request& request, int64_t ms) { request.retention_ms = ms; }

TEST(LimitsTest, TheDocumentedOnes) {
  EXPECT_EQ(kKeyBytesMax, 1024u);
  EXPECT_EQ(kOwnerBytesMax, 64u);
  EXPECT_EQ(kLeaseMsMax, kDayMs);
  EXPECT_EQ(kRetentionMsMax, 90 * kDayMs);
  EXPECT_EQ(kResponseBytesMax, 16u << 20);
  EXPECT_EQ(kTokenMax, 9'007'199'254'740'991u);
}

TEST(LimitsTest, KeyOfEveryCall) {
  for (Request request : OneOfEach()) {
    EXPECT_TRUE(Valid(request));
    const std::string longest(1024, '\0'), longer(1025, 'k');
    request.key = longest;
    EXPECT_TRUE(Valid(request));
    request.key = longer;
    EXPECT_FALSE(Valid(request));
    request.key = {};
    EXPECT_FALSE(Valid(request));
  }
}

TEST(LimitsTest, Owner) {
  const std::string longest(64, 'o'), longer(65, 'o');
  EXPECT_TRUE(Valid(Begin({}, longest)));
  EXPECT_FALSE(Valid(Begin({}, longer)));
}

TEST(LimitsTest, LeaseOfBegin) {
  ExpectEdges<int64_t>(Begin({}), SetLease, {1, kDayMs}, {0, -1, kDayMs + 1, kLowest, kHighest},
                       "lease");
}

TEST(LimitsTest, LeaseOfExtend) {
  ExpectEdges<int64_t>(Extend(1, 1), SetLease, {1, kDayMs}, {0, -1, kDayMs + 1, kLowest, kHighest},
                       "lease");
  Request unnamed = Extend(1, 1);
  unnamed.lease_ms.reset();
  EXPECT_FALSE(Valid(unnamed));
}

TEST(LimitsTest, RetentionOfBegin) {
  Request begin = Begin({});
  begin.lease_ms = 1;
  ExpectEdges<int64_t>(begin, SetRetention, {1, 90 * kDayMs},
                       {0, -1, 90 * kDayMs + 1, kLowest, kHighest}, "retention");
}

TEST(LimitsTest, RetentionIsNotShorterThanTheLease) {
  Request begin = Begin({});
  ExpectEdges<int64_t>(begin, SetRetention, {30'000}, {29'999}, "shorter than the lease");
  begin.lease_ms = 70;
  ExpectEdges<int64_t>(begin, SetRetention, {70}, {69}, "shorter than the lease");
  const Policy short_retention{.default_lease_ms = 10, .default_retention_ms = 50};
  begin.retention_ms.reset();
  begin.lease_ms = 50;
  EXPECT_EQ(WhyInvalid(begin, short_retention), nullptr);
  begin.lease_ms = 51;
  EXPECT_NE(WhyInvalid(begin, short_retention), nullptr);
}

TEST(LimitsTest, Issued) {
  ExpectEdges<int64_t>(
      Begin({}), [](Request& request, int64_t ms) { request.issued_unix_ms = ms; },
      {0, 1, kHighest}, {-1, kLowest}, "issue");
}

TEST(LimitsTest, Token) {
  for (const Request& request :
       {Complete(1, ""), FailFinal(1, ""), FailRetry(1), Extend(1, 1), Release(1)}) {
    ExpectEdges<Token>(
        request, [](Request& tried, Token token) { tried.token = token; }, {1, kTokenMax},
        {0, kTokenMax + 1, std::numeric_limits<Token>::max()}, "token");
  }
}

TEST(LimitsTest, RetentionOfAFinish) {
  for (const Request& request : {Complete(1, ""), FailFinal(1, "")}) {
    ExpectEdges<int64_t>(request, SetRetention, {1, 90 * kDayMs},
                         {0, -1, 90 * kDayMs + 1, kLowest, kHighest}, "retention");
  }
}

TEST(LimitsTest, PauseOfFailRetry) {
  ExpectEdges<int64_t>(
      FailRetry(1), [](Request& request, int64_t ms) { request.after_ms = ms; }, {0, 90 * kDayMs},
      {-1, 90 * kDayMs + 1, kLowest, kHighest}, "pause");
}

// Longer than the store keeps is fine, the fact is kept; but nobody may send without end.
TEST(LimitsTest, ResponseOfAFinish) {
  const std::string longest(16 << 20, 'r'), longer = longest + "r";
  for (Request request : {Complete(1, ""), FailFinal(1, ""), Resolve(Resolution::kCompleted),
                          Resolve(Resolution::kFailed)}) {
    request.value = longest;
    EXPECT_TRUE(Valid(request));
    request.value = longer;
    EXPECT_FALSE(Valid(request));
  }
}

TEST(LimitsTest, ValueOfARegister) {
  const std::string longest(1'000, 'v'), longer(1'001, 'v');
  EXPECT_TRUE(Valid(Put(longest)));
  EXPECT_FALSE(Valid(Put(longer)));
}

TEST(LimitsTest, DeadlineOfARegister) {
  for (const Request& request : {Put(""), SetDeadline(0)}) {
    ExpectEdges<int64_t>(request, SetRetention, {0, 1, kDeadlineMsMax},
                         {-1, kDeadlineMsMax + 1, kLowest, kHighest}, "time to live");
  }
}

// Only the fields that request.h names beside a call are read: what else stands there is no fault.
TEST(LimitsTest, UnreadFieldsDoNotMatter) {
  const std::string huge((16 << 20) + 1, 'x');
  for (Request request : OneOfEach()) {
    const bool begins = request.op == Op::kBegin;
    const bool finishes = request.op == Op::kComplete || (request.op == Op::kFail && request.final);
    const bool by_register = request.op == Op::kPut || request.op == Op::kSetDeadline;
    if (!begins && !finishes && request.op != Op::kFail && request.op != Op::kExtend &&
        request.op != Op::kRelease) {
      request.token = 0;
    }
    if (!begins && request.op != Op::kExtend) request.lease_ms = -1;
    if (!begins && !finishes && !by_register) request.retention_ms = -1;
    if (!begins) request.issued_unix_ms = -1;
    if (!begins) request.owner = huge;
    if (request.op != Op::kFail || request.final) request.after_ms = -1;
    if (!finishes && request.op != Op::kResolve && request.op != Op::kPut) request.value = huge;
    EXPECT_TRUE(Valid(request)) << static_cast<int>(request.op) << ": "
                                << WhyInvalid(request, kPolicy);
  }
}

}  // namespace
}  // namespace idem::engine
