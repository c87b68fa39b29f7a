// Registers: every call x condition x deadline condition, on an absent, an expired and a living
// register and on records, against the tables of conditions written again here.
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"
#include "store/transition.h"
#include "tests/support/one_key.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

constexpr std::string_view kValue = "old value";
constexpr int64_t kNowBootMs = kNowMs - kOffsetMs;

Image Register(int64_t deadline_ms) {
  Image entry;
  entry.key = kKey;
  entry.kind = Kind::kRegister;
  entry.token = kToken;
  entry.value = kValue;
  entry.deadline_ms = deadline_ms;
  return entry;
}

const Image kEntries[] = {
    Image{},          Register(0),         Register(kNowMs + 1), Register(kNowMs + 5'000),
    Register(kNowMs), Register(kNowMs - 1)};

bool Living(const Image& entry) {
  return !entry.absent() && (entry.deadline_ms == 0 || entry.deadline_ms > kNowMs);
}

enum class When { kYes, kNo, kIfEqual };
bool Is(When when, bool equal) { return when == When::kYes || (when == When::kIfEqual && equal); }

// By Condition: on an absent register (equal: version 0 is asked for), on a living one.
constexpr When kHolds[][2] = {
    /* kAlways    */ {When::kYes, When::kYes},
    /* kIfAbsent  */ {When::kYes, When::kNo},
    /* kIfPresent */ {When::kNo, When::kYes},
    /* kIfValue   */ {When::kNo, When::kIfEqual},
    /* kIfVersion */ {When::kIfEqual, When::kIfEqual},
};
constexpr Condition kConditions[] = {Condition::kAlways, Condition::kIfAbsent,
                                     Condition::kIfPresent, Condition::kIfValue,
                                     Condition::kIfVersion};

bool Holds(const Image& entry, const Request& request) {
  const bool by_value = request.condition == Condition::kIfValue;
  const bool equal = by_value ? entry.value == request.expected_value
                              : request.expected_version == (Living(entry) ? entry.token : 0);
  return Is(kHolds[static_cast<int>(request.condition)][Living(entry) ? 1 : 0], equal);
}

// `request` with every condition, and what that may compare with.
std::vector<Request> WithConditions(Request request) {
  std::vector<Request> requests;
  for (const Condition condition : kConditions) {
    for (const std::string_view value : {kValue, std::string_view("another"), std::string_view()}) {
      for (const Token version : {kToken, kToken - 1, kToken + 1, Token{0}}) {
        request.condition = condition;
        request.expected_value = value;
        request.expected_version = version;
        requests.push_back(request);
      }
    }
  }
  return requests;
}

const Moment kMoments[] = {FullMoment({}), FullMoment({.memory = true}),
                           FullMoment({.quota = true}), FullMoment({.disk = true})};

// What every call tells of the register that it found.
Decision Found(const Image& entry, const Request& request, Outcome outcome) {
  Decision d;
  d.reply.outcome = outcome;
  if (!Living(entry)) return d;
  d.reply.kind = Kind::kRegister;
  d.reply.token = entry.token;
  if (request.op == Op::kSetDeadline) return d;
  d.reply.ttl_ms = entry.deadline_ms == 0 ? -1 : entry.deadline_ms - kNowMs;
  d.reply.value_bytes = entry.value.size();
  if (request.want_value) d.reply.response.Copy(entry.value);
  return d;
}

Decision Changed(Decision d, Change change, const Image& next = {}) {
  d.change = change;
  d.next = next;
  d.reply.changed = true;
  if (change == Change::kInstallNewToken) d.reply.token = d.next.token = kFreshToken;
  return d;
}

std::string TextOf(const Request& request, const Decision& d) {
  const bool installs = d.change == Change::kInstall || d.change == Change::kInstallNewToken;
  return std::to_string(static_cast<int>(d.change)) + " | " + Text(request.op, d.reply) +
         (installs ? " | " + Text(d.next) : "");
}

// Named in each way: none at all, so far from now, as a moment; also moments that have passed.
std::vector<Request> Deadlines(const std::vector<int64_t>& ttls_ms) {
  std::vector<Request> named(1);
  for (const int64_t ttl_ms : ttls_ms) {
    named.push_back({.retention_ms = ttl_ms});
    if (ttl_ms > 0) named.push_back({.retention_ms = 77, .deadline_ms = kNowBootMs + ttl_ms});
  }
  for (const int64_t passed_ms : {kNowBootMs, kNowBootMs - 1, int64_t{1}}) {
    named.push_back({.deadline_ms = passed_ms});
  }
  return named;
}

// From now; 0: none, below 0: the deadline has passed.
int64_t TtlOf(const Request& request) {
  if (request.deadline_ms == 0) return request.retention_ms.value_or(0);
  return request.deadline_ms > kNowBootMs ? request.deadline_ms - kNowBootMs : -1;
}

using Rule = Decision (*)(const Image& entry, const Request& request, const Moment& moment);

void CheckEverywhere(const Request& request, Rule rule) {
  for (const Request& conditional : WithConditions(request)) {
    for (const Image& entry : kEntries) {
      for (const Moment& moment : kMoments) {
        ASSERT_EQ(TextOf(request, Decide(entry, conditional, moment)),
                  TextOf(request, rule(entry, conditional, moment)))
            << "on " << Text(entry) << "\nif " << static_cast<int>(conditional.condition) << " '"
            << conditional.expected_value << "' " << conditional.expected_version << "\nmemory "
            << moment.memory_full << " disk " << moment.disk_full;
      }
    }
  }
}

TEST(RegisterTransitionTest, Put) {
  for (const std::string_view value :
       {std::string_view("v"), kValue, std::string_view("a longer value")}) {
    for (const Request& deadline : Deadlines({0, 1, kDeadlineMsMax})) {
      for (const int flags : {0, 1, 2, 3}) {
        Request request = Put(value);
        request.retention_ms = deadline.retention_ms;
        request.deadline_ms = deadline.deadline_ms;
        request.keep_deadline = (flags & 1) != 0;
        request.want_value = (flags & 2) != 0;
        CheckEverywhere(request, [](const Image& entry, const Request& put, const Moment& moment) {
          const bool grows = !Living(entry) || put.value.size() > entry.value.size();
          if (!Holds(entry, put)) return Found(entry, put, Outcome::kNotMet);
          const int64_t named_ms = TtlOf(put);
          if (named_ms < 0 && !put.keep_deadline) {
            if (!Living(entry)) return Found(entry, put, Outcome::kOk);
            return Changed(Found(entry, put, Outcome::kOk), Change::kRemove);
          }
          if (moment.disk_full) return Found(entry, put, Outcome::kNoSpace);
          if (moment.memory_full && grows) return Found(entry, put, Outcome::kOutOfMemory);
          if (moment.quota_full && grows) return Found(entry, put, Outcome::kQuotaFull);
          Image next = Register(named_ms == 0 ? 0 : kNowMs + named_ms);
          next.value = put.value;
          if (put.keep_deadline) next.deadline_ms = Living(entry) ? entry.deadline_ms : 0;
          return Changed(Found(entry, put, Outcome::kOk), Change::kInstallNewToken, next);
        });
      }
    }
  }
}

TEST(RegisterTransitionTest, RemoveOfARegister) {
  for (const Kind kind : {Kind::kAny, Kind::kRegister}) {
    for (const bool want_value : {false, true}) {
      Request request = Remove(kind);
      request.want_value = want_value;
      CheckEverywhere(request, [](const Image& entry, const Request& remove, const Moment&) {
        if (!Living(entry)) return Found(entry, remove, Outcome::kAbsent);
        if (!Holds(entry, remove)) return Found(entry, remove, Outcome::kNotMet);
        return Changed(Found(entry, remove, Outcome::kOk), Change::kRemove);
      });
    }
  }
}

TEST(RegisterTransitionTest, GetOfARegister) {
  for (const Kind kind : {Kind::kAny, Kind::kRegister}) {
    for (const bool want_value : {false, true}) {
      CheckEverywhere(Get(kind, want_value),
                      [](const Image& entry, const Request& get, const Moment&) {
                        return Found(entry, get, Living(entry) ? Outcome::kOk : Outcome::kAbsent);
                      });
    }
  }
}

// By DeadlineCondition, for a register without deadline and for one with: what a new deadline of
// none, or one that is earlier, the same or later, gets.
constexpr bool kDeadlineHolds[][2][4] = {
    //                has none: none earlier same later      has one: none earlier same later
    /* kAlways    */ {{true, true, true, true}, {true, true, true, true}},
    /* kIfNone    */ {{true, true, true, true}, {false, false, false, false}},
    /* kIfSet     */ {{false, false, false, false}, {true, true, true, true}},
    /* kIfLater   */ {{false, false, false, false}, {true, false, false, true}},
    /* kIfEarlier */ {{false, true, true, true}, {false, true, false, false}},
    /* ..AndSet   */ {{false, false, false, false}, {false, true, false, false}},
};

bool DeadlineHolds(const Image& entry, const Request& request) {
  const int64_t ttl_ms = TtlOf(request);
  const int64_t left_ms = entry.deadline_ms == 0 ? 0 : entry.deadline_ms - kNowMs;
  const int column = ttl_ms == 0 ? 0 : ttl_ms < left_ms ? 1 : ttl_ms == left_ms ? 2 : 3;
  return kDeadlineHolds[static_cast<int>(request.deadline_condition)][left_ms == 0 ? 0 : 1][column];
}

TEST(RegisterTransitionTest, SetDeadline) {
  for (const DeadlineCondition condition :
       {DeadlineCondition::kAlways, DeadlineCondition::kIfNone, DeadlineCondition::kIfSet,
        DeadlineCondition::kIfLater, DeadlineCondition::kIfEarlier,
        DeadlineCondition::kIfSetAndEarlier}) {
    for (const Request& deadline : Deadlines({0, 1, 4'999, 5'000, 5'001, kDeadlineMsMax})) {
      Request request = SetDeadline(0);
      request.retention_ms = deadline.retention_ms;
      request.deadline_ms = deadline.deadline_ms;
      request.deadline_condition = condition;
      CheckEverywhere(request, [](const Image& entry, const Request& set, const Moment& moment) {
        if (!Living(entry)) return Found(entry, set, Outcome::kAbsent);
        if (!Holds(entry, set) || !DeadlineHolds(entry, set)) {
          return Found(entry, set, Outcome::kNotMet);
        }
        const int64_t ttl_ms = TtlOf(set);
        if (ttl_ms < 0) return Changed(Found(entry, set, Outcome::kOk), Change::kRemove);
        if (moment.disk_full) return Found(entry, set, Outcome::kNoSpace);
        Image next = entry;
        next.deadline_ms = ttl_ms == 0 ? 0 : kNowMs + ttl_ms;
        return Changed(Found(entry, set, Outcome::kOk), Change::kInstall, next);
      });
    }
  }
}

// --- Kind comes first ---

TEST(RegisterTransitionTest, CallsForTheOtherKindChangeNothing) {
  const std::vector<Request> for_registers = {Put("v"), SetDeadline(5), Get(Kind::kRegister, true),
                                              Remove(Kind::kRegister, true)};
  for (const EntryCase& record : RecordCases()) {
    if (!Living(record.entry)) continue;
    for (const Request& request : for_registers) {
      const Decision d = Decide(record.entry, request, CalmMoment());
      EXPECT_EQ(d.change, Change::kNone);
      EXPECT_EQ(d.reply.outcome, Outcome::kWrongKind) << Name(request.op) << " on " << record.name;
      EXPECT_EQ(d.reply.response.size(), 0u);
    }
  }
  for (const CallCase& call : RecordCalls()) {
    if (call.request.kind == Kind::kAny &&
        (call.request.op == Op::kGet || call.request.op == Op::kRemove)) {
      continue;
    }
    const Decision d = Decide(Register(0), call.request, CalmMoment());
    EXPECT_EQ(d.change, Change::kNone);
    EXPECT_EQ(d.reply.outcome, Outcome::kWrongKind) << call.name;
  }
}

TEST(RegisterTransitionTest, ExpiredRegisterIsNoWrongKind) {
  OneKey key(Register(kNowMs + 1));
  EXPECT_EQ(key.PeekOutcome(Begin({})), Outcome::kWrongKind);
  key.Advance(1);
  EXPECT_EQ(key.OutcomeOf(Begin({})), Outcome::kClaimed);
  EXPECT_EQ(key.PeekOutcome(Put("v")), Outcome::kWrongKind);
  key.AdvanceTo(key.entry.deadline_ms);
  EXPECT_EQ(key.OutcomeOf(Put("v")), Outcome::kOk);
}

TEST(RegisterTransitionTest, VersionsComeFromTheTokenAllocatorAndNeverRepeat) {
  OneKey key;
  Request create = Put("a");
  create.condition = Condition::kIfVersion;
  create.expected_version = 0;
  const Token first = key.Do(create).token;
  EXPECT_EQ(key.OutcomeOf(create), Outcome::kNotMet);
  EXPECT_EQ(key.Do(create).token, first) << "told, so that the caller can try again";
  EXPECT_EQ(key.OutcomeOf(SetDeadline(5)), Outcome::kOk);
  EXPECT_EQ(key.entry.token, first) << "a deadline is no new version";
  Request update = Put("b");
  update.condition = Condition::kIfVersion;
  update.expected_version = first;
  EXPECT_GT(key.Do(update).token, first);
  EXPECT_EQ(key.OutcomeOf(update), Outcome::kNotMet);
  EXPECT_EQ(key.OutcomeOf(Remove(Kind::kRegister)), Outcome::kOk);
  EXPECT_GT(key.Do(create).token, first + 1);
}

TEST(RegisterTransitionTest, AVersionMayBeAskedForWithItsDeadline) {
  OneKey key;
  Request update = Put("b");
  update.condition = Condition::kIfVersion;
  update.expected_version = key.Do(Put("a")).token;
  update.expected_deadline_ms = 0;
  EXPECT_EQ(key.OutcomeOf(SetDeadline(5)), Outcome::kOk);
  EXPECT_EQ(key.OutcomeOf(update), Outcome::kNotMet);
  update.expected_deadline_ms = key.entry.deadline_ms - kOffsetMs + 1;
  EXPECT_EQ(key.OutcomeOf(update), Outcome::kNotMet);
  update.expected_deadline_ms = key.Do(Get(Kind::kRegister, false)).deadline_ms;
  EXPECT_EQ(*update.expected_deadline_ms, key.entry.deadline_ms - kOffsetMs);
  EXPECT_EQ(key.OutcomeOf(update), Outcome::kOk);
}

}  // namespace
}  // namespace idem::engine
