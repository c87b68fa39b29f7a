#include "tests/support/crash_workload.h"

#include <array>
#include <string>
#include <utility>

#include "gtest/gtest.h"

namespace idem {
namespace {

using StepKind = Store::StepKind;
using Call = StoreOracle::Call;

// Long enough for any value, so that a Call may be copied.
std::string_view TextOf(const StoreOracle::Value& value) {
  static const std::array<std::string, 26> texts = [] {
    std::array<std::string, 26> all;
    for (size_t i = 0; i < all.size(); ++i) all[i].assign(4096, static_cast<char>('a' + i));
    return all;
  }();
  return std::string_view(texts[static_cast<size_t>(value.letter - 'a')]).substr(0, value.bytes);
}

}  // namespace

Options CrashOptions(Durability durability, FakeClock* clock, FileSystem* files) {
  Options options;
  options.directory = "store";
  options.durability = durability;
  options.sync_interval_ms = 100;
  options.policy.default_lease_ms = 300;
  options.policy.default_retention_ms = 2000;
  options.restart_grace_ms = 200;
  options.policy.max_response_bytes = 4096;
  options.policy.max_step_bytes = 1500;
  options.stripes = 2;
  options.segment_bytes = options.backlog_bytes = 64 << 10;
  options.memory_limit_bytes = 16 << 20;
  options.background = Background::kManual;
  options.clock = clock;
  options.file_system = files;
  return options;
}

std::string NameOfMode(const testing::TestParamInfo<Durability>& mode) {
  switch (mode.param) {
    case Durability::kAlways:
      return "Always";
    case Durability::kInterval:
      return "Interval";
    case Durability::kOs:
      return "Os";
    case Durability::kMemory:
      break;
  }
  return "Memory";
}

bool CrashWorkload::Open() {
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_);
  open_status_ = store.status();
  if (!store.ok()) return false;
  store_ = *std::move(store);
  return oracle_->Opened(*store_);
}

void CrashWorkload::DoOne() {
  switch (Choose(18)) {
    case 0:
      clock_->Advance(static_cast<int64_t>(Choose(120)));
      break;
    case 1:
      store_->Step(StepKind::kExpire);
      break;
    case 2:
    case 3:
    case 4:
    case 5:
      while (store_->Step(StepKind::kCommit)) {
      }
      break;
    case 6:
    case 7:
      store_->Step(StepKind::kPrepareSegment);
      break;
    case 8:
      if (Choose(16) == 0) Restart();
      break;
    case 9:
      if (Choose(8) == 0) (void)store_->StartSnapshot();
      break;
    case 10:
      for (uint64_t i = Choose(6); i > 0; --i) store_->Step(StepKind::kSnapshot);
      break;
    case 11:
    case 12:
      CallTogether();
      break;
    default:
      CallOne();
      break;
  }
  if (store_ != nullptr) oracle_->SawPositions(*store_);
}

void CrashWorkload::Restart() {
  store_.reset();
  oracle_->Died(StoreOracle::Death::kKill);
  clock_->Advance(static_cast<int64_t>(Choose(2000)));
  EXPECT_TRUE(Open()) << open_status_;
}

StoreOracle::Value CrashWorkload::SomeValue() {
  static constexpr uint32_t kBytes[] = {0, 1, 100, 255, 257, 1000, 3000, 4000};
  return {kBytes[Choose(std::size(kBytes))], static_cast<char>('a' + Choose(26))};
}

Call CrashWorkload::SomeCall(int key) {
  Call call{key, {}, {}};
  Request& request = call.request;
  request.key = StoreOracle::KeyOf(key);
  if (StoreOracle::IsRegister(key)) {
    request.op = Choose(4) == 0 ? Op::kRemove : Op::kPut;
    if (request.op == Op::kPut) {
      call.value = SomeValue();
      if (Choose(2) == 0) MakeConditional(key, request);
    }
    request.value = TextOf(call.value);
    return call;
  }
  if (StoreOracle::IsSeenId(key) || StoreOracle::IsProducer(key)) {
    AskToDedup(key, request);
    return call;
  }
  if (Choose(3) != 0 && oracle_->TokenOf(key) != 0) return SettleCall(key);
  request.op = Op::kBegin;
  if (Choose(4) == 0) request.lease_ms = 50;
  if (Choose(4) == 0) request.retention_ms = 500;
  return call;
}

// A producer goes on from where it stands, now and then from elsewhere.
void CrashWorkload::AskToDedup(int key, Request& request) {
  if (Choose(8) == 0) {
    request.op = Op::kRemove;
    return;
  }
  if (StoreOracle::IsSeenId(key)) {
    request.op = Op::kSeen;
    request.refresh = Choose(2) == 0;
    if (Choose(2) == 0) request.retention_ms = 500;
    return;
  }
  const StoreOracle::Position position = oracle_->PositionOf(key);
  request.op = Op::kSeq;
  request.epoch = position.epoch + (Choose(12) == 0 ? 1 : 0);
  if (Choose(12) == 0 && request.epoch != 0) --request.epoch;
  request.seq = request.epoch > position.epoch ? 0 : position.next;
  if (Choose(4) == 0) request.seq += Choose(2);
  if (Choose(4) == 0 && request.seq != 0) request.seq -= 1;
}

// On the version that was told, now and then on one before.
void CrashWorkload::MakeConditional(int key, Request& request) {
  const Token version = oracle_->TokenOf(key);
  request.condition = Condition::kIfVersion;
  request.expected_version = version - (version != 0 && Choose(8) == 0 ? 1 : 0);
}

// Now and then with a token that is not the current one.
Call CrashWorkload::SettleCall(int key) {
  Call call{key, {}, {}};
  Request& request = call.request;
  request.key = StoreOracle::KeyOf(key);
  request.token = oracle_->TokenOf(key) - (Choose(8) == 0 ? 1 : 0);
  const uint64_t choice = Choose(14);
  if (choice > 9) {
    static constexpr std::string_view kNames[] = {"charge", "mail", "ship"};
    request.op = Op::kStep;
    request.step = kNames[Choose(3)];
    call.value = SomeValue();
    call.value.bytes /= 4;  // one of the largest goes, and two do not
  } else if (choice < 5) {
    request.op = Op::kComplete;
  } else if (choice < 7) {
    request.op = Op::kFail;
    request.final = choice == 5;
    request.after_ms = 40;
  } else if (choice == 7) {
    request.op = Op::kExtend;
    request.lease_ms = 400;
  } else if (choice == 8) {
    request.op = Op::kRelease;
  } else {
    request.op = Op::kRemove;
    request.force = Choose(2) == 0;
    request.body = Choose(3) == 0;
    request.token = 0;
  }
  if (request.op == Op::kComplete || (request.op == Op::kFail && request.final)) {
    call.value = SomeValue();
  }
  request.value = TextOf(call.value);
  return call;
}

void CrashWorkload::CallOne() {
  Call call = SomeCall(ChooseKey());
  Execute({&call, 1}, /*together=*/false);
}

void CrashWorkload::CallTogether() {
  const int first = ChooseKey();
  std::vector<Call> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(SomeCall((first + 7 * i) % StoreOracle::kKeys));
  Execute(calls, Choose(2) == 0);
}

// Without room in the backlog the calls are not made.
void CrashWorkload::Execute(std::span<Call> calls, bool together) {
  std::vector<Request> requests;
  for (const Call& call : calls) requests.push_back(call.request);
  std::vector<Reply> replies(calls.size());
  size_t done = requests.size();
  if (together) {
    if (!store_->Transact(requests, replies)) return;
  } else {
    done = store_->Execute(requests, replies);
  }
  oracle_->Told(calls.first(done), std::span(replies).first(done), together);
}

}  // namespace idem
