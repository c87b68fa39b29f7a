// Core::Execute: a batch of requests goes through the stripes, in order, with one look at the
// clock, one reservation of log space, and the misses of the cache of many keys at a time.
#include <algorithm>
#include <array>

#include "log/record.h"
#include "log/steps.h"
#include "store/core.h"
#include "store/fetch_ahead.h"

namespace idem::engine {
namespace {

// Requests that share a reservation of log room and a look at the clock, and whose misses of the
// cache overlap: as many as a core has in flight, and a few.
constexpr size_t kTogether = 16;

bool MayChange(const Request& request) {
  return request.op != Op::kGet && request.op != Op::kAwait;
}

// Whether the request's value may become the value of an entry.
bool KeepsValue(const Request& request, const Policy& policy) {
  switch (request.op) {
    case Op::kComplete:
    case Op::kResolve:
    case Op::kPut:
      return request.value.size() <= policy.max_response_bytes;
    case Op::kFail:
      return request.final && request.value.size() <= policy.max_response_bytes;
    default:
      return false;
  }
}

// The largest value of a record that this request can make, unless it keeps a larger one that is
// there: the value of a register, the steps of a claim. Of a step: what the first one takes.
size_t ValueRoom(const Request& request, const Policy& policy) {
  if (request.op == Op::kStep) {
    const size_t bytes = request.step.size() + request.value.size();
    return PackedStepBytes(1, std::min<size_t>(bytes, policy.max_step_bytes));
  }
  const size_t value_bytes = KeepsValue(request, policy) ? request.value.size() : 0;
  return std::max(value_bytes, kInlineValueBytesMax);
}

}  // namespace

void Core::RefillPages(size_t requests) {
  if (shared_.RefillPages(requests)) housekeeper_->Wake();
}

// `call` knows its namespace. Returns the index of its stripe.
size_t Core::Prepare(const Request& request, engine::Call& call) const {
  call.request = &request;
  call.key = StoredKey(request.key);
  const uint64_t hash = HashOf(call.key);
  call.place = Table::PlaceOf(static_cast<uint32_t>(hash));
  call.value_room = ValueRoom(request, PolicyIn(call.space));
  return StripeIndexOf(hash, stripes_.size());
}

size_t Core::RoomFor(const engine::Call& call) {
  return MaxRecordBytes(call.request->key.size(), call.value_room);
}

// What is only worth its while once there is room in the log.
void Core::CopyValue(engine::Call& call) const {
  const Request& request = *call.request;
  if (request.value.size() > kInlineValueBytesMax && KeepsValue(request, PolicyIn(call.space))) {
    call.body = BodyRef(Body::New(request.value));
  }
  if (request.op == Op::kStep) call.MakeRoomForSteps();
}

size_t Core::Execute(std::span<const Request> requests, std::span<Reply> replies,
                     Store::CommitBy by) {
  const size_t done = ExecuteAppending(requests, replies);
  if (by == Store::CommitBy::kCaller) return done;
  const auto changed = [](const Reply& reply) { return reply.changed; };
  if (std::any_of(replies.begin(), replies.begin() + static_cast<ptrdiff_t>(done), changed)) {
    log_->RequestCommit();
  }
  return done;
}

// Round by round; one by one where the log has little room.
size_t Core::ExecuteAppending(std::span<const Request> requests, std::span<Reply> replies) {
  size_t done = 0;
  size_t together_max = kTogether;
  while (done < requests.size()) {
    const size_t count = std::min(together_max, requests.size() - done);
    const size_t executed =
        ExecuteRound(requests.subspan(done, count), replies.subspan(done, count));
    done += executed;
    if (executed == count) continue;
    if (executed > 0 || count == 1) break;
    together_max = 1;  // what the others set aside must not stand in the way of a large one
  }
  return done;
}

size_t Core::ExecuteRound(std::span<const Request> requests, std::span<Reply> replies) {
  if (requests.size() == 1) {
    Started started;
    return ExecuteStarted(requests, replies, {&started, 1});
  }
  std::array<Started, kTogether> started;
  return ExecuteStarted(requests, replies, std::span(started).first(requests.size()));
}

// In rounds over all, so that the misses of the cache overlap: first all keys are hashed, then what
// they lead to is on its way while the log and the clock are asked, and then all is there.
size_t Core::ExecuteStarted(std::span<const Request> requests, std::span<Reply> replies,
                            std::span<Started> started) {
  size_t bytes = 0;
  for (size_t i = 0; i < requests.size(); ++i) bytes += Start(requests[i], replies[i], started[i]);
  Fetch(started);
  const Log::Room room = bytes == 0 ? Log::Room::kGranted : log_->Reserve(bytes);
  if (room == Log::Room::kBacklogFull) return 0;
  if (room != Log::Room::kGranted && requests.size() > 1) return 0;
  const Moment moment = MomentFor(requests);
  RefillPages(requests.size());
  size_t done = 0;
  while (done < requests.size()) {
    started[done].call.room = room;
    if (!ExecuteBesideWaiters(started[done], moment, replies[done])) break;
    ++done;
  }
  if (bytes != 0 && room == Log::Room::kGranted) log_->Release(bytes);
  return done;
}

// Returns the room in the log that it takes.
size_t Core::Start(const Request& request, Reply& reply, Started& started) const {
  Renew(reply);
  started.call.space = namespaces_.Find(request.key);
  if (const char* why = WhyInvalid(request, PolicyIn(started.call.space))) {
    reply.outcome = Outcome::kInvalid;
    reply.error = why;
    return 0;
  }
  started.stripe = stripes_[Prepare(request, started.call)].get();
  return MayChange(request) ? RoomFor(started.call) : 0;
}

// Of one alone only the line of the table: to look at it here would be to wait for it.
void Core::Fetch(std::span<const Started> all) {
  if (all.size() == 1) {
    if (all[0].stripe != nullptr) all[0].stripe->PrefetchSlot(all[0].call.place);
    return;
  }
  std::array<Spot, kTogether> spots;
  size_t count = 0;
  for (const Started& started : all) {
    if (started.stripe != nullptr) spots[count++] = {started.stripe, started.call.place};
  }
  FetchAhead({spots.data(), count});
}

bool Core::ExecuteOne(Started& started, const Moment& moment, Reply& reply) {
  if (started.stripe == nullptr) return true;
  CopyValue(started.call);
  return started.stripe->Execute(started.call, moment, reply) ||
         ExecuteLarge(started, moment, reply);
}

// Once more, with room for the value that stands there; others may make it longer meanwhile.
bool Core::ExecuteLarge(Started& started, const Moment& moment, Reply& reply) {
  engine::Call& call = started.call;
  for (bool done = false; !done;) {
    const size_t bytes = RoomFor(call);
    call.room = log_->Reserve(bytes);
    if (call.room == Log::Room::kBacklogFull) return false;
    call.MakeRoomForSteps();
    reply = Reply{};
    done = started.stripe->Execute(call, moment, reply);
    if (call.room == Log::Room::kGranted) log_->Release(bytes);
  }
  return true;
}

absl::Status Core::Call(std::span<const Request> requests, std::span<Reply> replies) {
  Lsn lsn = 0;
  bool unwaited = false;
  for (size_t done = 0; done < requests.size();) {
    const size_t executed = ExecuteAppending(requests.subspan(done), replies.subspan(done));
    for (size_t i = done; i < done + executed; ++i) {
      lsn = std::max(lsn, replies[i].lsn);
      unwaited |= requests[i].nowait && replies[i].changed;
    }
    done += executed;
    if (done == requests.size()) break;
    absl::Status status = log_->WaitCommitted(log_->committed() + 1);
    if (!status.ok()) return status;
  }
  if (unwaited) log_->RequestCommit();
  return log_->WaitCommitted(lsn);
}

}  // namespace idem::engine
