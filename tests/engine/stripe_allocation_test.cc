// Every kind of call while the N-th allocation fails, once or from then on, with pages left or not.
// Calls that make or grow an entry may be refused, and then have done nothing; all others succeed.
#include <functional>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "base/allocation.h"
#include "gtest/gtest.h"
#include "tests/support/one_stripe.h"
#include "tests/support/pages.h"
#include "tests/support/requests.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

// More than one call makes: a region of pages, a body, a chunk of the wheel.
constexpr int kAllocationsMax = 5;
constexpr size_t kPagesMax = 3;

const std::string kMiddleValue(200, 'm');
const std::string kLongValue(10'000, 'v');

struct Case {
  const char* name;
  bool may_be_refused;
  std::function<void(OneStripe&)> before;
  std::function<Request(Token)> call;  // given the token of the claim that `before` made
  Outcome outcome = Outcome::kOk;

  friend void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }
};

void Nothing(OneStripe&) {}
void Claimed(OneStripe& one) { one.Do(Begin({})); }
void OwnedClaim(OneStripe& one) { one.Do(Begin({}, "ann")); }
void Orphaned(OneStripe& one) {
  Claimed(one);
  one.Advance(one.policy.default_lease_ms);
}
void Held(OneStripe& one) {
  Request begin = Begin({});
  begin.hold = true;
  one.Do(begin);
  one.Advance(one.policy.default_lease_ms);
}
void FailedForRetry(OneStripe& one) { one.Do(FailRetry(one.Do(Begin({})).token)); }
void LongAnswer(OneStripe& one) { one.Do(Complete(one.Do(Begin({})).token, kLongValue)); }
void ShortRegister(OneStripe& one) { one.Do(Put("v")); }
void LongRegister(OneStripe& one) { one.Do(Put(kLongValue)); }
void Expired(OneStripe& one) {
  one.Do(Put("v", 10));
  one.Advance(10);
}
void ExpiredLarger(OneStripe& one) {
  one.Do(Put(kMiddleValue, 10));
  one.Advance(10);
}

std::vector<Case> Cases() {
  const auto begin = [](Token) { return Begin({}); };
  const auto begin_owned = [](Token) { return Begin({}, "bob"); };
  const auto put_long = [](Token) { return Put(kLongValue, 1000); };
  const auto put_middle = [](Token) { return Put(kMiddleValue, 1000); };
  const auto complete = [](Token token) { return Complete(token, kMiddleValue); };
  const auto complete_long = [](Token token) { return Complete(token, kLongValue); };
  const auto fail_long = [](Token token) { return FailFinal(token, kLongValue); };
  const auto resolve_long = [](Token) { return Resolve(Resolution::kCompleted, kLongValue); };
  return {
      {"BEGIN", true, Nothing, begin, Outcome::kClaimed},
      {"BEGIN over an expired entry", true, Expired, begin_owned, Outcome::kClaimed},
      {"BEGIN over a larger one", false, ExpiredLarger, begin_owned, Outcome::kClaimed},
      {"BEGIN takes over", true, Orphaned, begin_owned, Outcome::kClaimed},
      {"BEGIN again by its owner", false, OwnedClaim, [](Token) { return Begin({}, "ann"); },
       Outcome::kClaimed},
      {"BEGIN after a failure", true, FailedForRetry, begin_owned, Outcome::kClaimed},
      {"BEGIN replays", false, LongAnswer, begin, Outcome::kReplay},
      {"COMPLETE", false, Claimed, complete},
      {"COMPLETE long", false, Claimed, complete_long},
      {"COMPLETE of an owner", false, OwnedClaim, complete_long},
      {"COMPLETE held", false, Held, complete_long},
      {"FAIL FINAL long", false, OwnedClaim, fail_long},
      {"FAIL RETRY", false, OwnedClaim, [](Token token) { return FailRetry(token); }},
      {"EXTEND", false, Claimed, [](Token token) { return Extend(token, 86'400'000); }},
      {"RELEASE", false, Claimed, [](Token token) { return Release(token); }},
      {"RESOLVE long", false, Held, resolve_long},
      {"RESOLVE a failure", false, FailedForRetry, resolve_long},
      {"RESOLVE claimable", false, Held, [](Token) { return Resolve(Resolution::kClaimable); }},
      {"PUT long", true, Nothing, put_long},
      {"PUT grows", true, ShortRegister, put_middle},
      {"PUT grows long", true, ShortRegister, put_long},
      {"PUT shrinks", false, LongRegister, [](Token) { return Put("v", 1000); }},
      {"PUT over an expired entry", true, Expired, put_long},
      {"deadline", false, LongRegister, [](Token) { return SetDeadline(1000); }},
      {"REMOVE", false, LongRegister, [](Token) { return Remove(Kind::kAny); }},
      {"GET", false, LongRegister, [](Token) { return Get(Kind::kAny, true); }},
  };
}

class StripeAllocationTest : public testing::TestWithParam<Case> {
 protected:
  ~StripeAllocationTest() override { SetAllocationFailureForTest(0); }

  // `fail` takes the memory away.
  template <typename Fail>
  void Run(Fail fail) {
    OneStripe one;
    GetParam().before(one);
    const Token token = one.Do(Get(Kind::kAny, false)).token;
    const std::map<std::string, std::string> before = one.Dump();
    const size_t records = one.log.records.size();
    const Request request = GetParam().call(token);

    const Pages pages = fail(one);
    const Reply reply = one.Do(request);
    SetAllocationFailureForTest(0);
    GivePages(one.pool, pages);
    one.stripe.CheckInvariants();
    if (GetParam().may_be_refused && reply.outcome == Outcome::kOutOfMemory) {
      ++refused_;
      EXPECT_FALSE(reply.changed);
      EXPECT_EQ(one.Dump(), before);
      EXPECT_EQ(one.log.records.size(), records);
      EXPECT_EQ(one.Do(request).outcome, GetParam().outcome) << "with memory it is done";
    } else {
      EXPECT_EQ(reply.outcome, GetParam().outcome) << Name(reply.outcome);
      CheckFinish(one, request);
      if (before.empty()) CheckExpires(one);
    }
  }

  // A new entry is never without its item in the wheel.
  void CheckExpires(OneStripe& one) {
    one.Advance(int64_t{90} * 86'400'000);
    one.ExpireAll();
    EXPECT_EQ(one.entries(), 0u);
  }

  // What is finished stays so, with its bytes or without; the same finish again is fine.
  void CheckFinish(OneStripe& one, const Request& request) {
    if (request.op != Op::kComplete && !request.final) return;
    const Reply replay = one.Do(Begin({}));
    EXPECT_EQ(replay.outcome, Outcome::kReplay);
    EXPECT_EQ(replay.value_bytes, request.value.size());
    if (replay.value_omitted) {
      ++omitted_;
      EXPECT_EQ(replay.response.size(), 0u);
    } else {
      EXPECT_EQ(replay.response.bytes(), request.value);
    }
    EXPECT_EQ(one.stats().responses_omitted, replay.value_omitted ? 1u : 0u);
    EXPECT_EQ(one.Do(request).outcome, Outcome::kOk);
  }

  int refused_ = 0;
  int omitted_ = 0;
};

TEST_P(StripeAllocationTest, TheNthFails) {
  for (const auto failure : {AllocationFailure::kOnce, AllocationFailure::kFromThenOn}) {
    for (size_t pages = 0; pages <= kPagesMax; ++pages) {
      for (int n = 1; n <= kAllocationsMax && !HasFailure(); ++n) {
        SCOPED_TRACE(testing::Message() << "allocation " << n << ", " << pages << " pages");
        Run([&](OneStripe& one) {
          Pages taken = TakePages(one.pool, pages);
          SetAllocationFailureForTest(n, failure);
          return taken;
        });
      }
    }
  }
  EXPECT_EQ(refused_ > 0, GetParam().may_be_refused) << "no failure was in its way";
}

TEST_P(StripeAllocationTest, WithMemoryNothingFails) {
  Run([](OneStripe&) { return Pages{}; });
  EXPECT_EQ(refused_, 0);
  EXPECT_EQ(omitted_, 0);
}

INSTANTIATE_TEST_SUITE_P(EveryCall, StripeAllocationTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& test) {
                           std::string name = test.param.name;
                           for (char& c : name) c = c == ' ' ? '_' : c;
                           return name;
                         });

// Recovery has no caller to refuse: it stops, and says why.
TEST(StripeRecoveryTest, WithoutMemoryItStops) {
  Image image;
  image.kind = Kind::kRegister;
  image.key = kKey;
  image.token = 1;
  for (const std::string& value : {std::string("v"), kMiddleValue, kLongValue}) {
    OneStripe one;
    ASSERT_TRUE(one.Apply(image, 1).ok());
    const Pages pages = TakePages(one.pool);
    SetAllocationFailureForTest(1, AllocationFailure::kFromThenOn);
    Image next = image;
    next.value = value;
    const absl::Status status = one.Apply(next, 2);
    SetAllocationFailureForTest(0);
    GivePages(one.pool, pages);
    one.stripe.CheckInvariants();
    const bool fits = value == "v";
    EXPECT_EQ(status.code(), fits ? absl::StatusCode::kOk : absl::StatusCode::kResourceExhausted);
    EXPECT_EQ(one.Do(Get(Kind::kAny, true)).response.bytes(), fits ? value : "");
    EXPECT_TRUE(one.Apply(next, 2).ok());
    EXPECT_EQ(one.Do(Get(Kind::kAny, true)).response.bytes(), value);
  }
}

}  // namespace
}  // namespace idem::engine
