#include "server/command_batch.h"

#include <algorithm>
#include <utility>

namespace idem::server {
namespace {

constexpr size_t kKeptRequests = 1024;  // room that survives an unusually large command

}  // namespace

CommandBatch::CommandBatch(const ServerOptions& options) {
  const size_t response_bytes = std::max<size_t>(LongestResponseBytes(options.store), 1);
  requests_max_ = std::clamp<size_t>(kAnswerBytes / response_bytes, 1, kPlannedMax);
}

void CommandBatch::Add(const Call& call, size_t offset) {
  const size_t begin = requests_.size();
  Plan plan(&requests_);
  call.command.plan(call, plan);
  if (plan.failed()) {
    requests_.resize(begin);
    return AddError(std::move(*plan.error()), offset);
  }
  const bool may_wait = requests_.size() > begin && requests_.back().wait_ms > 0;
  planned_.push_back({&call.command, offset, begin, requests_.size(), plan.atomic(), may_wait, 0});
}

void CommandBatch::AddError(std::string error, size_t offset) {
  planned_.push_back(
      {nullptr, offset, requests_.size(), requests_.size(), false, false, errors_.size()});
  errors_.push_back(std::move(error));
}

size_t CommandBatch::Execute(Store* store) {
  if (replies_.size() < requests_.size()) replies_.resize(requests_.size());
  size_t done = 0;
  while (done < planned_.size() && !planned_[done].may_wait) {
    const size_t end = EndOfRun(done);
    const size_t executed = ExecuteRun(done, end, store);
    done += executed;
    if (done < end) break;
  }
  return done;
}

Store::Waiting CommandBatch::ExecuteLast(Store& store, WaitId& id,
                                         const Store::WaitListener& told) {
  const size_t request = planned_.back().begin;
  Reply& reply = replies_[request];
  const Store::Waiting waiting =
      store.ExecuteOrWait(requests_[request], reply, id, told, Store::CommitBy::kCaller);
  if (waiting == Store::Waiting::kAnswered && reply.changed) ++changes_;
  return waiting;
}

// One atomic command, or all up to the next one or one that may wait.
size_t CommandBatch::EndOfRun(size_t first) const {
  if (planned_[first].atomic) return first + 1;
  size_t end = first;
  while (end < planned_.size() && !planned_[end].atomic && !planned_[end].may_wait) ++end;
  return end;
}

size_t CommandBatch::ExecuteRun(size_t first, size_t end, Store* store) {
  const size_t begin = planned_[first].begin;
  const size_t count = planned_[end - 1].end - begin;
  const std::span<const Request> requests(requests_.data() + begin, count);
  const std::span<Reply> replies(replies_.data() + begin, count);
  if (count == 0) return end - first;
  const auto by = Store::CommitBy::kCaller;
  const bool atomic = planned_[first].atomic;
  const size_t executed = atomic ? (store->Transact(requests, replies, by) ? count : 0)
                                 : store->Execute(requests, replies, by);
  changes_ += static_cast<size_t>(
      std::count_if(replies.begin(), replies.begin() + static_cast<std::ptrdiff_t>(executed),
                    [](const Reply& reply) { return reply.changed; }));
  if (atomic) return executed == count ? 1 : 0;
  // A command of which only a part was executed is planned again: it changed nothing.
  size_t whole = first;
  while (whole < end && planned_[whole].end <= begin + executed) ++whole;
  return whole - first;
}

bool CommandBatch::HasChanged(size_t first, size_t end) const {
  const auto begin = replies_.begin();
  return std::any_of(begin + static_cast<std::ptrdiff_t>(planned_[first].begin),
                     begin + static_cast<std::ptrdiff_t>(planned_[end - 1].end),
                     [](const Reply& reply) { return reply.changed; });
}

void CommandBatch::Clear() {
  // A shared response would stay in memory until its place is used again.
  for (Reply& reply : std::span(replies_).first(std::min(requests_.size(), replies_.size()))) {
    if (reply.response.size() > Response::kInlineBytes) reply.response = Response();
  }
  planned_.clear();
  requests_.clear();
  errors_.clear();
  if (requests_.capacity() > kKeptRequests) {
    requests_.shrink_to_fit();
    std::vector<Reply>().swap(replies_);
  }
}

}  // namespace idem::server
