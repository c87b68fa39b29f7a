// Every entry, every call and every moment that the walk over the state table combines.
//
// All entries stand under one key and are seen at kNowMs, by a store that was opened at kOpenedMs.
// An in-progress entry is there with each way its lease can stand to kNowMs and to the restart
// grace, a failed one with each way its backoff can, and each of them once more as expired.
#ifndef IDEM_TESTS_SUPPORT_TRANSITION_CASES_H_
#define IDEM_TESTS_SUPPORT_TRANSITION_CASES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "idem/request.h"
#include "log/image.h"
#include "store/transition.h"
#include "tests/support/requests.h"

namespace idem::engine {

inline constexpr std::string_view kResponse = "charged";
inline constexpr int64_t kNowMs = 10'000'000;
inline constexpr int64_t kWallMs = 1'800'000'000'000;
inline constexpr int64_t kOffsetMs = 3'000'000;  // store time - boot time
inline constexpr int64_t kOpenedMs = kNowMs - 50'000;
inline constexpr Token kToken = 1000;       // of every record and register
inline constexpr Token kFreshToken = 2000;  // what the caller hands out next
inline constexpr int64_t kHourMs = 3'600'000;
inline constexpr uint64_t kResponseMax = 64;
inline constexpr Policy kPolicy{.default_lease_ms = 30'000,
                                .default_retention_ms = 24 * kHourMs,
                                .max_response_bytes = kResponseMax,
                                .max_steps = 3,
                                .max_step_bytes = 40};

struct EntryCase {
  std::string name;
  Image entry;  // its value views a constant
};
struct CallCase {
  std::string name;
  Request request;
};
struct MomentCase {
  std::string name;
  Moment moment;
};

// Absent, and a record in every state.
std::vector<EntryCase> RecordCases();
// BEGIN .. RESOLVE, and GET and FORGET of a record.
std::vector<CallCase> RecordCalls();
// Restart grace over or not, with memory and disk as they can be.
std::vector<MomentCase> MomentCases();

// kNowMs, grace over, nothing full.
Moment CalmMoment();
// The same with something full.
struct Full {
  bool memory = false;
  bool quota = false;
  bool disk = false;
};
Moment FullMoment(const Full& full);
// A claim as BEGIN made it half an hour after the open, its lease running.
Image RunningClaim();
Image FinishedRecord(State state, std::string_view response, int64_t deadline_ms);

// Different ones differ in one thing only: a bit of either half, or the kind. 0 is none.
Fingerprint FingerprintNumber(int number);
inline constexpr int kFingerprints = 5;
// One step behind the other, packed as an entry keeps them.
std::string PackedSteps(const std::vector<Step>& steps);
// As a claim by `owner` keeps it.
OwnerDigest DigestOfOwner(std::string_view owner);

// A transition as its caller sees it: with a fresh token put in where one is asked for, and steps.
struct Decision {
  Change change = Change::kNone;
  Image next;
  Reply reply;
  std::shared_ptr<const std::string> steps;  // what next.value views, if they have changed
};
std::shared_ptr<const std::string> StepsAfter(const Image& next, const Request& request);
Decision Decide(const Image& entry, const Request& request, const Moment& moment);

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_TRANSITION_CASES_H_
