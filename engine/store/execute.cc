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

// Requests that share one reservation of log room, and one look at the clock.
constexpr size_t kBatch = 64;
// Requests whose misses of the cache overlap: as many as a core has in flight, and a few.
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
  if (pool_.Refill(requests)) housekeeper_->Wake();
}

// `call` knows its namespace. Returns the index of its stripe.
size_t Core::Prepare(const Request& request, Log::Room room, engine::Call& call) {
  call.request = &request;
  call.key = StoredKey(request.key);
  const uint64_t hash = HashOf(call.key);
  call.place = Table::PlaceOf(static_cast<uint32_t>(hash));
  call.room = room;
  const Policy& policy = PolicyIn(call.space);
  call.value_room = ValueRoom(request, policy);
  if (request.value.size() > kInlineValueBytesMax && KeepsValue(request, policy)) {
    call.body = BodyRef(Body::New(request.value));
  }
  if (request.op == Op::kStep) call.MakeRoomForSteps();
  return StripeIndexOf(hash, stripes_.size());
}

size_t Core::RoomFor(std::span<const Request> requests) const {
  size_t bytes = 0;
  for (const Request& request : requests) {
    if (!MayChange(request)) continue;
    bytes += MaxRecordBytes(request.key.size(), ValueRoom(request, PolicyOf(request.key)));
  }
  return bytes;
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

// Batch by batch; one by one where the log has little room.
size_t Core::ExecuteAppending(std::span<const Request> requests, std::span<Reply> replies) {
  size_t done = 0;
  size_t batch_max = kBatch;
  while (done < requests.size()) {
    const auto batch = requests.subspan(done, std::min(batch_max, requests.size() - done));
    const size_t bytes = RoomFor(batch);
    const Log::Room room = bytes == 0 ? Log::Room::kGranted : log_->Reserve(bytes);
    if (room != Log::Room::kGranted && batch.size() > 1) {
      batch_max = 1;
      continue;
    }
    if (room == Log::Room::kBacklogFull) break;
    const size_t executed = ExecuteBatch(batch, replies.subspan(done, batch.size()), room);
    if (bytes != 0 && room == Log::Room::kGranted) log_->Release(bytes);
    done += executed;
    if (executed == batch.size()) continue;
    if (executed > 0 || batch.size() == 1) break;
    batch_max = 1;  // what the others set aside must not stand in the way of a large one
  }
  return done;
}

size_t Core::ExecuteBatch(std::span<const Request> requests, std::span<Reply> replies,
                          Log::Room room) {
  const Moment moment = MomentFor(requests);
  RefillPages(requests.size());
  if (requests.size() > 1) {
    size_t done = 0;
    while (done < requests.size()) {
      const size_t together = std::min(kTogether, requests.size() - done);
      const size_t executed = ExecuteTogether(requests.subspan(done, together),
                                              replies.subspan(done, together), room, moment);
      done += executed;
      if (executed < together) break;
    }
    return done;
  }
  Started started;
  Start(requests[0], room, replies[0], started);
  return ExecuteBesideWaiters(started, moment, replies[0]) ? 1 : 0;
}

// In rounds over all, so that the misses of the cache overlap: first all keys are hashed, then what
// they lead to is fetched, and then all is there.
size_t Core::ExecuteTogether(std::span<const Request> requests, std::span<Reply> replies,
                             Log::Room room, const Moment& moment) {
  std::array<Started, kTogether> started;
  const size_t count = requests.size();
  std::array<Spot, kTogether> spots;
  size_t spot_count = 0;
  for (size_t i = 0; i < count; ++i) {
    Start(requests[i], room, replies[i], started[i]);
    if (started[i].stripe != nullptr) {
      spots[spot_count++] = {started[i].stripe, started[i].call.place};
    }
  }
  FetchAhead({spots.data(), spot_count});
  for (size_t i = 0; i < count; ++i) {
    if (!ExecuteBesideWaiters(started[i], moment, replies[i])) return i;
  }
  return count;
}

void Core::Start(const Request& request, Log::Room room, Reply& reply, Started& started) {
  Renew(reply);
  started.call.space = namespaces_.Find(request.key);
  if (const char* why = WhyInvalid(request, PolicyIn(started.call.space))) {
    reply.outcome = Outcome::kInvalid;
    reply.error = why;
    return;
  }
  started.stripe = stripes_[Prepare(request, room, started.call)].get();
}

bool Core::ExecuteOne(Started& started, const Moment& moment, Reply& reply) {
  if (started.stripe == nullptr) return true;
  return started.stripe->Execute(started.call, moment, reply) ||
         ExecuteLarge(started, moment, reply);
}

// Once more, with room for the value that stands there; others may make it longer meanwhile.
bool Core::ExecuteLarge(Started& started, const Moment& moment, Reply& reply) {
  engine::Call& call = started.call;
  for (bool done = false; !done;) {
    const size_t bytes = MaxRecordBytes(call.request->key.size(), call.value_room);
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
