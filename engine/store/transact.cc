// Core::Transact: the one place that locks several stripes. In ascending order, so that two
// transactions never wait for each other; one atomic append holds all their changes.
#include <algorithm>
#include <array>

#include "store/core.h"

namespace idem::engine {
namespace {

constexpr size_t kTransactionMax = 64;

bool Undoes(const Reply& reply) {
  switch (reply.outcome) {
    case Outcome::kNotMet:
    case Outcome::kDuplicate:
    case Outcome::kGap:
    case Outcome::kStaleEpoch:
      return true;
    default:
      return reply.outcome >= Outcome::kUnknownKey;
  }
}

const char* WhyInvalidTogether(std::span<const Request> requests, const Core& core) {
  if (requests.size() > kTransactionMax) return "a transaction takes at most 64 keys; split it";
  for (size_t i = 0; i < requests.size(); ++i) {
    if (const char* why = WhyInvalid(requests[i], core.PolicyOf(requests[i].key))) return why;
    for (size_t j = 0; j < i; ++j) {
      if (requests[i].key == requests[j].key) return "a key stands twice in a transaction";
    }
  }
  return nullptr;
}

void RefuseAll(const char* why, std::span<Reply> replies) {
  for (Reply& reply : replies) {
    reply.outcome = Outcome::kInvalid;
    reply.error = why;
  }
}

}  // namespace

struct Core::Transaction {
  size_t size = 0;
  std::array<engine::Call, kTransactionMax> calls;
  std::array<Stripe*, kTransactionMax> stripe_of;
  std::array<Stripe::Pending, kTransactionMax> pending;
  std::array<size_t, kTransactionMax> stripes;  // indexes, ascending, each once
  size_t stripe_count = 0;
};

bool Core::Transact(std::span<const Request> requests, std::span<Reply> replies,
                    Store::CommitBy by) {
  for (Reply& reply : replies) reply = Reply{};
  if (const char* why = WhyInvalidTogether(requests, *this)) {
    RefuseAll(why, replies);
    return true;
  }
  Transaction transaction;
  PrepareAll(requests, transaction);
  for (;;) {
    const size_t bytes = RoomFor(transaction);
    if (bytes > std::min(options_.segment_bytes, options_.backlog_bytes) / 2) {
      RefuseAll("a transaction is too large for segment_bytes or backlog_bytes; split it", replies);
      return true;
    }
    const Log::Room room = log_->Reserve(bytes);
    if (room == Log::Room::kBacklogFull) return false;
    for (size_t i = 0; i < transaction.size; ++i) transaction.calls[i].room = room;
    LockAndExecute(requests, transaction, replies);
    if (room == Log::Room::kGranted) log_->Release(bytes);
    if (!NeedsRoom(transaction)) break;
    transaction.pending = {};
    for (size_t i = 0; i < transaction.size; ++i) transaction.calls[i].MakeRoomForSteps();
    for (Reply& reply : replies) reply = Reply{};
  }
  ServeAfter(requests, replies);
  if (by == Store::CommitBy::kStore) log_->RequestCommit();
  return true;
}

absl::Status Core::CallTogether(std::span<const Request> requests, std::span<Reply> replies) {
  while (!Transact(requests, replies, Store::CommitBy::kStore)) {
    absl::Status status = log_->WaitCommitted(log_->committed() + 1);
    if (!status.ok()) return status;
  }
  Lsn lsn = 0;
  for (const Reply& reply : replies) lsn = std::max(lsn, reply.lsn);
  return log_->WaitCommitted(lsn);
}

size_t Core::RoomFor(const Transaction& transaction) {
  size_t bytes = 0;
  for (size_t i = 0; i < transaction.size; ++i) bytes += RoomFor(transaction.calls[i]);
  return bytes;
}

// Whether a register has a longer value than there was room for. Next time there is.
bool Core::NeedsRoom(const Transaction& transaction) {
  return std::any_of(transaction.pending.begin(), transaction.pending.end(),
                     [](const Stripe::Pending& pending) { return pending.needs_room; });
}

void Core::PrepareAll(std::span<const Request> requests, Transaction& transaction) {
  RefillPages(requests.size());
  for (const Request& request : requests) {
    engine::Call& call = transaction.calls[transaction.size];
    call.space = namespaces_.Find(request.key);
    const size_t stripe = Prepare(request, call);
    CopyValue(call);
    transaction.stripe_of[transaction.size] = stripes_[stripe].get();
    transaction.stripes[transaction.size] = stripe;
    ++transaction.size;
  }
  const auto begin = transaction.stripes.begin();
  const auto end = begin + static_cast<ptrdiff_t>(transaction.size);
  std::sort(begin, end);
  transaction.stripe_count = static_cast<size_t>(std::unique(begin, end) - begin);
}

// The analysis cannot follow a set of locks.
void Core::LockAndExecute(std::span<const Request> requests, Transaction& transaction,
                          std::span<Reply> replies) IDEM_NO_ANALYSIS {
  const Moment moment = MomentFor(requests);
  const std::span<const size_t> stripes(transaction.stripes.data(), transaction.stripe_count);
  for (const size_t index : stripes) stripes_[index]->Lock();
  bool undone = false;
  for (size_t i = 0; i < transaction.size && !undone; ++i) {
    transaction.stripe_of[i]->PrepareLocked(transaction.calls[i], moment, transaction.pending[i],
                                            replies[i]);
    undone = Undoes(replies[i]);
  }
  undone ? Abandon(transaction, replies) : Install(transaction, replies);
  for (const size_t index : stripes) stripes_[index]->Unlock();
}

// What would have changed something says that it did not.
void Core::Abandon(Transaction& transaction, std::span<Reply> replies) IDEM_NO_ANALYSIS {
  for (size_t i = 0; i < transaction.size; ++i) {
    transaction.stripe_of[i]->AbandonLocked(transaction.pending[i]);
    replies[i].changed = false;
  }
}

void Core::Install(Transaction& transaction, std::span<Reply> replies) IDEM_NO_ANALYSIS {
  std::array<Image, kTransactionMax> images;
  size_t changes = 0;
  for (size_t i = 0; i < transaction.size; ++i) {
    if (transaction.pending[i].change == Change::kNone) continue;
    images[changes++] = transaction.pending[i].next;
  }
  const Lsn last = changes == 0 ? 0 : log_->Append({images.data(), changes});
  Lsn lsn = last - changes;
  for (size_t i = 0; i < transaction.size; ++i) {
    Stripe& stripe = *transaction.stripe_of[i];
    stripe.CountReplyLocked(transaction.pending[i], replies[i]);
    if (transaction.pending[i].change == Change::kNone) continue;
    stripe.InstallLocked(transaction.pending[i], ++lsn);
    replies[i].lsn = last;
  }
}

}  // namespace idem::engine
