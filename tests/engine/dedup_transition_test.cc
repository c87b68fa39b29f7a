// Seen ids and sequences: every call on every entry, against the rules written again here; and
// every call on entries of the other kinds.
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "store/transition.h"
#include "tests/support/one_key.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

constexpr int64_t kDayMs = 24 * kHourMs;

const Moment kMoments[] = {FullMoment({}), FullMoment({.memory = true}),
                           FullMoment({.quota = true}), FullMoment({.disk = true})};

Image EntryOf(Kind kind, int64_t deadline_ms) {
  Image entry;
  entry.key = kKey;
  entry.kind = kind;
  entry.deadline_ms = deadline_ms;
  return entry;
}

bool Living(const Image& entry) {
  return !entry.absent() && (entry.deadline_ms == 0 || entry.deadline_ms > kNowMs);
}

Decision Unchanged(const Image& entry, Outcome outcome) {
  Decision d;
  d.reply.outcome = outcome;
  d.reply.kind = Living(entry) ? entry.kind : Kind::kAny;
  return d;
}

void Install(const Image& next, Decision& d) {
  d.change = Change::kInstall;
  d.next = next;
  d.reply.changed = true;
}

std::string TextOf(const Request& request, const Decision& d) {
  return std::to_string(static_cast<int>(d.change)) + " | " + Text(request.op, d.reply) +
         (d.change == Change::kInstall ? " | " + Text(d.next) : "");
}

template <typename Rule>
void Check(const Image& entry, const Request& request, Rule rule) {
  for (const Moment& moment : kMoments) {
    ASSERT_EQ(TextOf(request, Decide(entry, request, moment)),
              TextOf(request, rule(entry, request, moment)))
        << "on " << Text(entry) << "\nttl " << request.retention_ms.value_or(-1) << " refresh "
        << request.refresh << " cap " << request.cap_ms.value_or(-1) << " seq " << request.epoch
        << "/" << request.seq << " window " << request.window << "\nmemory " << moment.memory_full
        << " disk " << moment.disk_full;
  }
}

// --- Seen ids

Image SeenId(int64_t deadline_ms, int64_t until_ms) {
  Image entry = EntryOf(Kind::kSeen, deadline_ms);
  entry.until_ms = until_ms;
  return entry;
}

Decision SeenRule(const Image& entry, const Request& request, const Moment& moment) {
  const bool known = Living(entry);
  const int64_t ttl_ms = request.retention_ms.value_or(kPolicy.default_retention_ms);
  Image next = known ? entry : SeenId(kNowMs + ttl_ms, 0);
  if (request.refresh) {
    if (next.until_ms == 0) next.until_ms = kNowMs + request.cap_ms.value_or(90 * kDayMs);
    const int64_t wanted_ms = std::min(kNowMs + ttl_ms, next.until_ms);
    if (wanted_ms > next.deadline_ms) next.deadline_ms = wanted_ms;
  }
  const bool changes = !known || next.deadline_ms != entry.deadline_ms;
  if (changes && moment.disk_full) return Unchanged(entry, Outcome::kNoSpace);
  if (!known && moment.memory_full) return Unchanged(entry, Outcome::kOutOfMemory);
  if (!known && moment.quota_full) return Unchanged(entry, Outcome::kQuotaFull);
  Decision d = Unchanged(entry, known ? Outcome::kDuplicate : Outcome::kNew);
  d.reply.ttl_ms = next.deadline_ms - kNowMs;
  if (changes) Install(next, d);
  return d;
}

TEST(DedupTransitionTest, Seen) {
  std::vector<Image> entries = {Image{}};
  for (const int64_t left_ms : {int64_t{-1}, int64_t{0}, int64_t{1}, int64_t{5'000}, kDayMs}) {
    for (const int64_t until_ms : {int64_t{0}, kNowMs - 5, kNowMs + 1, kNowMs + 3'000,
                                   kNowMs + 5'001, kNowMs + 90 * kDayMs}) {
      entries.push_back(SeenId(kNowMs + left_ms, until_ms));
    }
  }
  constexpr std::optional<int64_t> kNone;
  for (const Image& entry : entries) {
    for (const auto ttl_ms : {kNone, std::optional<int64_t>(1), std::optional<int64_t>(5'000),
                              std::optional<int64_t>(5'001), std::optional(kRetentionMsMax)}) {
      for (const auto more_ms : {kNone, std::optional<int64_t>(0), std::optional<int64_t>(1'000)}) {
        for (const bool refresh : {false, true}) {
          Request request = Seen(0, refresh);
          request.retention_ms = ttl_ms;
          if (more_ms) request.cap_ms = ttl_ms.value_or(kPolicy.default_retention_ms) + *more_ms;
          Check(entry, request, SeenRule);
        }
      }
    }
  }
}

TEST(DedupTransitionTest, RefreshesKeepAnIdUpToTheCapOfTheFirst) {
  OneKey key;
  Request refresh = Seen(1'000, true);
  EXPECT_EQ(key.OutcomeOf(Seen(1'000)), Outcome::kNew);
  key.Advance(500);
  refresh.cap_ms = 2'000;
  EXPECT_EQ(key.Do(refresh).ttl_ms, 1'000);
  refresh.cap_ms = kRefreshMsMax;  // too late
  for (int i = 0; i < 4; ++i) {
    key.Advance(300);
    EXPECT_EQ(key.Do(refresh).ttl_ms, std::min(1'000, 2'000 - 300 * (i + 1)));
  }
  key.Advance(799);
  EXPECT_EQ(key.OutcomeOf(refresh), Outcome::kDuplicate);
  key.Advance(1);
  EXPECT_EQ(key.OutcomeOf(refresh), Outcome::kNew);
}

// --- Sequences

using Numbers = std::set<uint64_t>;

uint64_t NextOf(const Numbers& came) {
  uint64_t next = 0;
  while (came.contains(next)) ++next;
  return next;
}

Image Producer(uint32_t epoch, const Numbers& came, int64_t deadline_ms) {
  Image entry = EntryOf(Kind::kSequence, deadline_ms);
  entry.sequence.epoch = epoch;
  entry.sequence.next = NextOf(came);
  for (const uint64_t seq : came) {
    if (seq > entry.sequence.next) {
      entry.sequence.ahead |= uint64_t{1} << (seq - entry.sequence.next - 1);
    }
  }
  return entry;
}

Decision SeqRule(const Image& entry, const Numbers& numbers, const Request& request,
                 const Moment& moment) {
  const bool known = Living(entry);
  const bool begins = !known || entry.sequence.epoch < request.epoch;
  Numbers came = begins ? Numbers{} : numbers;
  Decision d = Unchanged(entry, Outcome::kNew);
  d.reply.epoch = begins ? request.epoch : entry.sequence.epoch;
  d.reply.seq = NextOf(came);
  const uint64_t furthest = begins ? 0 : d.reply.seq + request.window;
  if (request.epoch < d.reply.epoch) {
    d.reply.outcome = Outcome::kStaleEpoch;
  } else if (came.contains(request.seq)) {
    d.reply.outcome = Outcome::kDuplicate;
  } else if (request.seq > furthest) {
    d.reply.outcome = Outcome::kGap;
  } else if (moment.disk_full) {
    d.reply.outcome = Outcome::kNoSpace;
  } else if (moment.memory_full && !known) {
    d.reply.outcome = Outcome::kOutOfMemory;
  } else if (moment.quota_full && !known) {
    d.reply.outcome = Outcome::kQuotaFull;
  } else {
    came.insert(request.seq);
    d.reply.seq = NextOf(came);
    const int64_t ttl_ms = request.retention_ms.value_or(kPolicy.default_retention_ms);
    Install(Producer(request.epoch, came, ttl_ms == 0 ? 0 : kNowMs + ttl_ms), d);
  }
  return d;
}

Numbers UpTo(uint64_t end, const Numbers& more = {}) {
  Numbers numbers = more;
  for (uint64_t seq = 0; seq < end; ++seq) numbers.insert(seq);
  return numbers;
}

TEST(DedupTransitionTest, Seq) {
  const Numbers all_came[] = {UpTo(1),          UpTo(3),       UpTo(1, {2}), UpTo(2, {3, 5}),
                              UpTo(1, {2, 65}), UpTo(2, {66}), UpTo(70)};
  for (const Numbers& came : all_came) {
    for (const int64_t deadline_ms : {int64_t{0}, kNowMs + 1, kNowMs, kNowMs - 1}) {
      for (const uint32_t epoch : {0u, 1u, 2u, ~0u}) {
        for (const uint64_t seq :
             {0u, 1u, 2u, 3u, 4u, 5u, 6u, 64u, 65u, 66u, 67u, 69u, 70u, 71u, 134u, 135u}) {
          for (const uint32_t window : {0u, 1u, 2u, 63u, 64u}) {
            Request request = Seq(epoch, seq, window);
            if (seq % 2 == 0) request.retention_ms = seq;
            const auto rule = [&came](const Image& entry, const Request& asked,
                                      const Moment& moment) {
              return SeqRule(entry, came, asked, moment);
            };
            Check(Producer(1, came, deadline_ms), request, rule);
            Check(Image{}, request, rule);
          }
        }
      }
    }
  }
}

TEST(DedupTransitionTest, SeqAcceptsAnUnknownProducerWithItsFirstNumberOnly) {
  OneKey key;
  for (const uint64_t seq : {uint64_t{1}, uint64_t{64}, Sequence::kSeqMax}) {
    EXPECT_EQ(key.OutcomeOf(Seq(0, seq, 64)), Outcome::kGap);
    EXPECT_EQ(key.Do(Seq(7, seq, 64)).seq, 0u);
  }
  EXPECT_TRUE(key.entry.absent());
  EXPECT_EQ(key.OutcomeOf(Seq(0, 0)), Outcome::kNew);
  EXPECT_EQ(key.OutcomeOf(Seq(1, 1, 64)), Outcome::kGap) << "a newer epoch begins at 0, too";
  EXPECT_EQ(key.OutcomeOf(Seq(0, 1)), Outcome::kNew) << ".. and before that fences nobody";
  EXPECT_EQ(key.OutcomeOf(Seq(1, 0)), Outcome::kNew);
  EXPECT_EQ(key.Do(Seq(0, 2)).epoch, 1u);
  EXPECT_EQ(key.OutcomeOf(Seq(0, 2)), Outcome::kStaleEpoch);
}

TEST(DedupTransitionTest, SeqComesToItsLastNumber) {
  OneKey key(Producer(0, {}, 0));
  key.entry.sequence.next = Sequence::kSeqMax - 1;
  EXPECT_EQ(key.OutcomeOf(Seq(0, Sequence::kSeqMax, 64)), Outcome::kNew);
  EXPECT_EQ(key.OutcomeOf(Seq(0, Sequence::kSeqMax, 64)), Outcome::kDuplicate);
  EXPECT_EQ(key.Do(Seq(0, Sequence::kSeqMax - 1)).seq, Sequence::kSeqMax + 1);
  EXPECT_EQ(key.OutcomeOf(Seq(0, Sequence::kSeqMax)), Outcome::kDuplicate);
}

// --- All kinds

TEST(DedupTransitionTest, CallsForAnotherKindChangeNothing) {
  Image value = EntryOf(Kind::kRegister, 0);
  value.token = kToken;
  const Image entries[] = {RunningClaim(), value, SeenId(kNowMs + 1, 0), Producer(1, {0}, 0)};
  std::vector<Request> requests = {Put("v"), SetDeadline(5), Seen(5), Seen(5, true), Seq(1, 1)};
  for (const CallCase& call : RecordCalls()) requests.push_back(call.request);
  for (const Kind kind : {Kind::kRecord, Kind::kRegister, Kind::kSeen, Kind::kSequence}) {
    requests.push_back(Get(kind, true));
    requests.push_back(Remove(kind, true));
  }
  for (const Image& entry : entries) {
    for (const Request& request : requests) {
      const bool for_any = request.op == Op::kGet || request.op == Op::kRemove;
      const Kind wanted = for_any ? request.kind
                          : request.op == Op::kPut || request.op == Op::kSetDeadline
                              ? Kind::kRegister
                          : request.op == Op::kSeen ? Kind::kSeen
                          : request.op == Op::kSeq  ? Kind::kSequence
                                                    : Kind::kRecord;
      const Decision d = Decide(entry, request, CalmMoment());
      const bool refused = d.reply.outcome == Outcome::kWrongKind;
      EXPECT_EQ(refused, wanted != Kind::kAny && wanted != entry.kind)
          << Name(request.op) << " on " << Text(entry);
      EXPECT_TRUE(!refused || d.change == Change::kNone);
    }
  }
}

TEST(DedupTransitionTest, IsDescribedAndRemoved) {
  for (const Image& entry : {SeenId(kNowMs + 7, 0), Producer(3, {0, 1, 4}, kNowMs + 7)}) {
    const Reply reply = Decide(entry, Get(Kind::kAny, true), CalmMoment()).reply;
    EXPECT_EQ(reply.kind, entry.kind);
    EXPECT_EQ(reply.ttl_ms, 7);
    EXPECT_EQ(reply.epoch, entry.kind == Kind::kSequence ? 3u : 0u);
    EXPECT_EQ(reply.seq, entry.kind == Kind::kSequence ? 2u : 0u);
    EXPECT_EQ(reply.token, 0u);
    for (const Kind kind : {Kind::kAny, entry.kind}) {
      EXPECT_EQ(Decide(entry, Remove(kind), CalmMoment()).change, Change::kRemove);
    }
  }
}

}  // namespace
}  // namespace idem::engine
