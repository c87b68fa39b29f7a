// How long a stripe's lock is held, by what is done under it.
//
//   lock_holds --keys=312500        one of 64 stripes with 20 M keys
//
// One stripe by itself, on one thread. Every call that is timed takes its lock exactly once, so its
// time is that of the hold and some nanoseconds. The stripe grows from nothing while claims and
// completions are timed, then come replays, duplicate claims and the slices of a snapshot; at last
// all entries fall due at one instant and are freed slice by slice. Prints JSON.
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/key_space.h"
#include "bench/table/block.h"
#include "bench/table/call_times.h"
#include "idem/memory_file_system.h"
#include "log/memory_log.h"
#include "log/snapshot_writer.h"
#include "store/stripe.h"

ABSL_FLAG(uint64_t, keys, 312'500, "finished requests in the stripe");

namespace idem::engine {
namespace {

using bench::CallTimes;
using bench::Fail;
using bench::NowNs;

constexpr int64_t kHourMs = 3'600'000;

class Subject {
 public:
  // What comes before the lock, in Core, is not timed.
  Reply Execute(const Request& request, Outcome expected, CallTimes* times) {
    pool_.Refill();
    Call call;
    call.request = &request;
    call.key = StoredKey(request.key);
    call.place = Table::PlaceOf(static_cast<uint32_t>(KeyedHash64(secret_, call.key.bytes())));
    call.value_room = kInlineValueBytesMax;
    const Moment moment = {.now_ms = kHourMs, .policy = &policy_, .secret = &secret_};
    Reply reply;
    Timed(times, [&] { return stripe_.Execute(call, moment, reply); });
    if (reply.outcome != expected) Fail("a wrong answer");
    return reply;
  }

  void Snapshot(CallTimes* times) {
    MemoryFileSystem files;
    auto writer = SnapshotWriter::Create(&files, "", {});
    if (!writer.ok()) Fail(writer.status().ToString());
    for (uint64_t from = 0; from != Table::kEnd;) {
      Timed(times, [&] { from = stripe_.AddTo(**writer, from, kSnapshotEntriesPerHold); });
      if (!(*writer)->Write().ok()) Fail("the snapshot cannot be written");
    }
  }

  void ExpireAll(CallTimes* times) {
    const int64_t late_ms =
        3 * kHourMs + 2 * kTickMs;  // claimed at 1 h, for a lease and a retention
    for (bool done = false; !done;) {
      Timed(times, [&] { done = stripe_.Expire(late_ms, kExpiryUnitsPerHold); });
    }
    Stats stats;
    stripe_.AddStats(stats);
    if (stats.records != 0) Fail("not all entries are freed");
  }

 private:
  template <typename Work>
  void Timed(CallTimes* times, Work&& work) {
    if (times->calls_in_block() == 0) times->StartBlock();
    const int64_t start = NowNs();
    work();
    times->Add(NowNs() - start, ++timed_);
    if (times->calls_in_block() == CallTimes::kBlock) times->EndBlock();
  }

  uint64_t timed_ = 0;
  HashSecret secret_ = RandomSecret();
  Policy policy_{.default_lease_ms = kHourMs, .default_retention_ms = kHourMs};
  OpenedLog log_ = OpenMemoryLog({});
  PagePool pool_;
  MemoryMeter memory_{uint64_t{64} << 30};
  TokenSource tokens_{log_.tokens};
  StripeShared shared_{&pool_, &pool_, &memory_, &tokens_, log_.log.get(), &secret_};
  Stripe stripe_{&shared_};
};

struct Holds {
  CallTimes claim, completion, replay, duplicate, snapshot, expiry;
};

Request BeginOf(const bench::Key& key) { return {.op = Op::kBegin, .key = bench::View(key)}; }

void FillAndAsk(Subject& subject, uint64_t keys, Holds& holds) {
  const std::string response(100, 'r');
  for (uint64_t i = 0; i < keys; ++i) {
    const bench::Key key = bench::kFinishedKeys.KeyOf(i);
    const Reply claimed = subject.Execute(BeginOf(key), Outcome::kClaimed, &holds.claim);
    const Request complete = {
        .op = Op::kComplete, .key = bench::View(key), .value = response, .token = claimed.token};
    subject.Execute(complete, Outcome::kOk, &holds.completion);
  }
  const bench::Key busy = bench::kClaimedKeys.KeyOf(0);
  subject.Execute(BeginOf(busy), Outcome::kClaimed, &holds.claim);
  for (uint64_t i = 0; i < keys; ++i) {
    const bench::Key key = bench::kFinishedKeys.KeyOf(bench::Mix(i) % keys);
    subject.Execute(BeginOf(key), Outcome::kReplay, &holds.replay);
    subject.Execute(BeginOf(busy), Outcome::kBusy, &holds.duplicate);
  }
}

std::string JsonOf(std::string_view name, CallTimes& times) {
  times.EndBlock();
  const bench::LatencyHistogram& calls = times.undisturbed();
  return absl::StrCat(
      "\"", absl::string_view(name.data(), name.size()), "\": {\"holds\": ", times.all().count(),
      ", \"p50_ns\": ", calls.Percentile(50), ", \"p99_ns\": ", calls.Percentile(99),
      ", \"p99_9_ns\": ", calls.Percentile(99.9), ", \"p99_99_ns\": ", calls.Percentile(99.99),
      ", \"max_ns\": ", calls.max(), ", \"preempted\": ", times.switches(),
      ", \"slowest_preempted_ns\": ", times.slowest_preempted().ns, "}");
}

int Main() {
  Subject subject;
  Holds holds;
  FillAndAsk(subject, absl::GetFlag(FLAGS_keys), holds);
  subject.Snapshot(&holds.snapshot);
  subject.ExpireAll(&holds.expiry);
  std::printf("{%s}\n",
              absl::StrJoin(
                  {JsonOf("claim", holds.claim), JsonOf("completion", holds.completion),
                   JsonOf("replay", holds.replay), JsonOf("duplicate", holds.duplicate),
                   JsonOf("snapshot slice", holds.snapshot), JsonOf("expiry slice", holds.expiry)},
                  ",\n")
                  .c_str());
  return 0;
}

}  // namespace
}  // namespace idem::engine

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("times the holds of one stripe's lock and prints them as JSON");
  absl::ParseCommandLine(argc, argv);
  return idem::engine::Main();
}
