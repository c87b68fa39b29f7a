#include "tests/support/transition_cases.h"

#include "absl/strings/str_cat.h"
#include "log/steps.h"

namespace idem::engine {
namespace {

const HashSecret kSecret = RandomSecret();
constexpr std::string_view kOwners[] = {"", "ann", "bob"};
constexpr std::string_view kLongResponse =
    "a response that is longer than the 64 bytes which this store keeps of one";
static_assert(kLongResponse.size() > kResponseMax);

constexpr std::string_view kLongData = "twenty-five bytes of data";
static_assert(6 + 7 + 1 + 1 + kLongData.size() == kPolicy.max_step_bytes);

const std::string kOneStep = PackedSteps({{"charge", "receipt"}});
const std::string kStepsWithoutData = PackedSteps({{"charge", ""}, {"mail", ""}});
// As many as there may be, and as large.
const std::string kAllSteps = PackedSteps({{"charge", "receipt"}, {"a", ""}, {"b", kLongData}});

std::string NameOf(std::string_view state, const Image& entry) {
  return absl::StrCat(
      std::string(state), entry.hold ? " hold" : "", entry.has_owner ? " owned" : "", " fp",
      static_cast<int>(entry.fingerprint.kind), " since now-", kNowMs - entry.since_ms,
      " until now", entry.until_ms - kNowMs, " deadline now", entry.deadline_ms - kNowMs,
      entry.finished() || entry.value.empty() ? "" : absl::StrCat(" steps ", entry.value.size()));
}

void Own(std::string_view owner, Image& entry) {
  entry.has_owner = !owner.empty();
  if (entry.has_owner) entry.owner = DigestOfOwner(owner);
}

class RecordList {
 public:
  std::vector<EntryCase> cases;

  // `entry` with a fingerprint and an owner or without, with steps or without, and each of them
  // expired.
  void AddAll(std::string_view state, Image entry) {
    AddEach(state, entry);
    if (entry.finished()) return;
    for (const std::string* const steps : {&kOneStep, &kStepsWithoutData, &kAllSteps}) {
      entry.value = *steps;
      AddEach(state, entry);
    }
  }

 private:
  void AddEach(std::string_view state, Image entry) {
    for (const int fingerprint : {0, 1}) {
      for (const std::string_view owner : {"", "ann"}) {
        entry.fingerprint = FingerprintNumber(fingerprint);
        Own(owner, entry);
        Add(state, entry);
        if (entry.deadline_ms == 0) continue;
        for (const int64_t past_ms : {0, 1}) {
          Image expired = entry;
          expired.deadline_ms = kNowMs - past_ms;
          Add(state, expired);
        }
      }
    }
  }

  void Add(std::string_view state, const Image& entry) {
    cases.push_back({NameOf(state, entry), entry});
  }
};

void AddInProgress(RecordList& list) {
  // Around the open and around now; the grace may end in between or later.
  for (const int64_t since_ms : {kOpenedMs - 1, kOpenedMs, kOpenedMs + 1}) {
    for (const int64_t left_ms : {-40'000, -1, 0, 1, 20'000}) {
      for (const bool hold : {false, true}) {
        Image entry = RunningClaim();
        entry.hold = hold;
        entry.since_ms = since_ms;
        entry.until_ms = kNowMs + left_ms;
        entry.deadline_ms = hold ? 0 : entry.until_ms + entry.retention_ms;
        list.AddAll("in progress", entry);
      }
    }
  }
}

void AddFailedRetry(RecordList& list) {
  for (const int64_t left_ms : {-1, 0, 1, 5'000}) {
    Image entry = RunningClaim();
    entry.state = State::kFailedRetry;
    entry.since_ms = kNowMs - 3'000;
    entry.until_ms = kNowMs + left_ms;
    entry.deadline_ms = entry.until_ms + entry.retention_ms;
    list.AddAll("failed for retry", entry);
  }
}

void AddFinished(RecordList& list) {
  for (const State state : {State::kCompleted, State::kFailedFinal}) {
    for (const std::string_view response : {std::string_view(), kResponse, kLongResponse}) {
      list.AddAll("finished", FinishedRecord(state, response, kNowMs + 1));
    }
  }
}

using CallList = std::vector<CallCase>;

void AddBegins(CallList& list) {
  struct Times {
    std::optional<int64_t> lease_ms, retention_ms;
  };
  const Times all_times[] = {{}, {1, 1}, {500'000, 48 * kHourMs}};
  for (int fingerprint = 0; fingerprint < kFingerprints; ++fingerprint) {
    for (const std::string_view owner : kOwners) {
      for (const bool hold : {false, true}) {
        for (const Times& times : all_times) {
          Request request = Begin(FingerprintNumber(fingerprint), owner);
          request.lease_ms = times.lease_ms;
          request.retention_ms = times.retention_ms;
          request.hold = hold;
          const std::string name =
              absl::StrCat("BEGIN fp", fingerprint, " owner '", std::string(owner), "'",
                           hold ? " HOLD" : "", " lease ", times.lease_ms.value_or(-1));
          list.push_back({name, request});
          request.condition = Condition::kIfPresent;
          list.push_back({name + " if present", request});
        }
      }
    }
  }
}

void AddFinish(const std::string& name, Request request, CallList& list) {
  list.push_back({name, request});
  for (const int64_t retention_ms : {int64_t{1}, 48 * kHourMs}) {
    request.retention_ms = retention_ms;
    list.push_back({absl::StrCat(name, " for ", retention_ms), request});
  }
}

void AddFinishes(Token token, CallList& list) {
  for (const std::string_view value : {std::string_view(), kResponse, kLongResponse}) {
    for (const uint16_t code : {uint16_t{200}, uint16_t{65535}}) {
      const std::string rest =
          absl::StrCat(" ", token, " with ", value.size(), " bytes, code ", code);
      AddFinish("COMPLETE" + rest, Complete(token, value, code), list);
      AddFinish("FAIL FINAL" + rest, FailFinal(token, value, code), list);
    }
  }
}

// What FAIL RETRY and RESOLVE do not read must not matter.
Request WithUnreadFields(Request request) {
  request.retention_ms = 80 * 24 * kHourMs;
  request.lease_ms = 77;
  request.code = 77;
  request.fingerprint = FingerprintNumber(2);
  request.owner = "bob";
  request.hold = true;
  return request;
}

void AddOtherSettlements(Token token, CallList& list) {
  for (const int64_t after_ms : {int64_t{0}, int64_t{5'000}, 48 * kHourMs}) {
    list.push_back({absl::StrCat("FAIL ", token, " RETRY AFTER ", after_ms),
                    WithUnreadFields(FailRetry(token, after_ms))});
  }
  for (const int64_t lease_ms : {int64_t{1}, int64_t{20'000}, int64_t{20'001}, 24 * kHourMs}) {
    list.push_back({absl::StrCat("EXTEND ", token, " by ", lease_ms), Extend(token, lease_ms)});
  }
  list.push_back({absl::StrCat("RELEASE ", token), Release(token)});
  // Beside one step of 13 bytes those of 27 are the largest that there may be.
  for (const auto& [name, data] :
       {Step{"charge", "receipt"}, Step{"charge", "other"}, Step{"charge", ""}, Step{"mail", ""},
        Step{"b", kLongData}, Step{"of", kLongData}, Step{"too", kLongData}}) {
    list.push_back({absl::StrCat("STEP ", token, " ", std::string(name), " ", std::string(data)),
                    WithUnreadFields(MakeStep(token, name, data))});
  }
}

void AddResolves(CallList& list) {
  for (const std::string_view value : {kResponse, kLongResponse}) {
    for (const Resolution resolution :
         {Resolution::kCompleted, Resolution::kFailed, Resolution::kClaimable}) {
      list.push_back(
          {absl::StrCat("RESOLVE ", static_cast<int>(resolution), " with ", value.size()),
           WithUnreadFields(Resolve(resolution, value))});
    }
  }
}

void AddForgetsAndGets(CallList& list) {
  for (int fingerprint = 0; fingerprint < kFingerprints; ++fingerprint) {
    list.push_back({absl::StrCat("AWAIT fp", fingerprint),
                    WithUnreadFields(Await(FingerprintNumber(fingerprint)))});
    list.back().request.fingerprint = FingerprintNumber(fingerprint);
  }
  list.push_back({"FORGET BODY", ForgetBodyOf()});
  list.push_back({"FORGET BODY FORCE", ForgetBodyOf(true)});
  for (const Kind kind : {Kind::kAny, Kind::kRecord}) {
    list.push_back({"FORGET", Remove(kind)});
    list.push_back({"FORGET FORCE", Remove(kind, true)});
    list.push_back({"GET", Get(kind, false)});
    list.push_back({"GET value", Get(kind, true)});
  }
}

}  // namespace

std::vector<EntryCase> RecordCases() {
  RecordList list;
  list.cases.push_back({"absent", Image{}});
  AddInProgress(list);
  AddFailedRetry(list);
  AddFinished(list);
  return list.cases;
}

std::vector<CallCase> RecordCalls() {
  CallList list;
  AddBegins(list);
  for (const Token token : {kToken, kToken - 1, kToken + 1, kTokenMax}) {
    AddFinishes(token, list);
    AddOtherSettlements(token, list);
  }
  AddResolves(list);
  AddForgetsAndGets(list);
  return list;
}

Moment CalmMoment() {
  return {.now_ms = kNowMs,
          .wall_ms = kWallMs,
          .offset_ms = kOffsetMs,
          .opened_ms = kOpenedMs,
          .grace_end_ms = kOpenedMs,
          .response_bytes_max = kResponseMax,
          .policy = &kPolicy,
          .secret = &kSecret};
}

Moment FullMoment(const Full& full) {
  Moment moment = CalmMoment();
  moment.memory_full = full.memory;
  moment.quota_full = full.quota;
  moment.disk_full = full.disk;
  return moment;
}

std::vector<MomentCase> MomentCases() {
  std::vector<MomentCase> cases;
  for (const int64_t grace_left_ms : {-20'000, 0, 1, 7'000}) {
    Moment moment = CalmMoment();
    moment.grace_end_ms = kNowMs + grace_left_ms;
    const std::string name = absl::StrCat("grace ends now", grace_left_ms);
    cases.push_back({name, moment});
    moment.memory_full = true;
    cases.push_back({name + ", memory full", moment});
    moment.memory_full = false;
    moment.quota_full = true;
    cases.push_back({name + ", quota full", moment});
    moment.quota_full = false;
    moment.disk_full = true;
    cases.push_back({name + ", disk full", moment});
  }
  return cases;
}

Image RunningClaim() {
  Image entry;
  entry.key = kKey;
  entry.kind = Kind::kRecord;
  entry.state = State::kInProgress;
  entry.token = kToken;
  entry.attempt = 3;
  entry.fingerprint = FingerprintNumber(1);
  entry.since_ms = kNowMs - 10'000;
  entry.until_ms = kNowMs + 20'000;
  entry.retention_ms = kHourMs;
  entry.deadline_ms = entry.until_ms + kHourMs;
  return entry;
}

Image FinishedRecord(State state, std::string_view response, int64_t deadline_ms) {
  Image entry = RunningClaim();
  entry.state = state;
  entry.since_ms = kNowMs - 2'000;
  entry.until_ms = 0;
  entry.retention_ms = 0;
  entry.deadline_ms = deadline_ms;
  entry.code = 200;
  entry.value = response;
  if (response.size() > kResponseMax) OmitValue(response, kSecret, entry);
  return entry;
}

Fingerprint FingerprintNumber(int number) {
  const Fingerprint all[kFingerprints] = {
      {},
      {.low = 5, .high = 6, .kind = Fingerprint::Kind::kBody},
      {.low = 5 | uint64_t{1} << 63, .high = 6, .kind = Fingerprint::Kind::kBody},
      {.low = 5, .high = 7, .kind = Fingerprint::Kind::kBody},
      {.low = 5, .high = 6, .kind = Fingerprint::Kind::kDigest},
  };
  return all[number];
}

std::string PackedSteps(const std::vector<Step>& steps) {
  std::string packed;
  for (const Step& step : steps) {
    std::string one(PackedStepBytes(1, step.name.size() + step.data.size()), '\0');
    PackStep(step, one.data());
    packed += one;
  }
  return packed;
}

// Nothing is known about the digest but that BEGIN makes it and finds it again.
OwnerDigest DigestOfOwner(std::string_view owner) {
  return Decide({}, Begin({}, owner), CalmMoment()).next.owner;
}

std::shared_ptr<const std::string> StepsAfter(const Image& next, const Request& request) {
  const auto steps = std::make_shared<std::string>(StepBytesAfter(next, request), '\0');
  WriteStepsAfter(next, request, steps->data());
  return steps;
}

Decision Decide(const Image& entry, const Request& request, const Moment& moment) {
  Decision decision;
  decision.change = Transition(entry, request, moment, decision.next, decision.reply);
  if (decision.change == Change::kInstallNewToken) {
    decision.reply.token = decision.next.token = kFreshToken;
  }
  if (decision.change == Change::kInstallSteps) {
    decision.steps = StepsAfter(decision.next, request);
    decision.next.value = *decision.steps;
  }
  return decision;
}

}  // namespace idem::engine
