#include "bench/load/load.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>

namespace idem::bench {
namespace {

constexpr int64_t kDrainNs = 5'000'000'000;

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t Ns(double seconds) { return static_cast<int64_t>(seconds * 1e9); }

}  // namespace

Load::Load(const LoadShape& shape, std::vector<const Operation*> operations)
    : shape_(shape),
      response_shape_(shape.response_bytes),
      fresh_keys_(shape.fresh_seed),
      resident_keys_(shape.resident_seed),
      operations_(std::move(operations)),
      random_(shape.fresh_seed),
      most_(shape.operations == 0 ? std::numeric_limits<uint64_t>::max() : shape.operations) {}

Load::~Load() {
  if (epoll_ >= 0) close(epoll_);
}

absl::StatusOr<LoadResult> Load::Run() {
  if (absl::Status status = Connect(); !status.ok()) return status;
  begin_ns_ = now_ns_ = NowNs();
  measure_ns_ = begin_ns_ + Ns(shape_.warmup_seconds);
  end_ns_ = measure_ns_ + Ns(shape_.seconds);
  if (absl::Status status = Drive(); !status.ok()) return status;
  result_.unanswered = in_flight_;
  result_.measured_seconds = static_cast<double>(std::min(now_ns_, end_ns_) - measure_ns_) / 1e9;
  return std::move(result_);
}

absl::Status Load::Connect() {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  for (size_t i = 0; i < shape_.connections; ++i) {
    absl::StatusOr<Connection> connection = Connection::Open(shape_.port);
    if (!connection.ok()) return connection.status();
    epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.u64 = i}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection->fd(), &event);
    connections_.push_back(*std::move(connection));
  }
  socket_full_.assign(connections_.size(), false);
  numbers_.assign(connections_.size(), 0);
  return absl::OkStatus();
}

absl::Status Load::Drive() {
  for (size_t i = 0; closed_loop() && i < connections_.size(); ++i) {
    if (absl::Status status = Fill(i); !status.ok()) return status;
  }
  std::array<epoll_event, 64> events;
  while (asking() || (in_flight_ > 0 && now_ns_ < end_ns_ + kDrainNs)) {
    if (absl::Status status = AskWhatIsDue(); !status.ok()) return status;
    const int wait_ms = closed_loop() ? 10 : 0;  // an open loop spins, so as to be punctual
    const int count = epoll_wait(epoll_, events.data(), events.size(), wait_ms);
    now_ns_ = NowNs();
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<size_t>(i)];
      if (absl::Status status = OnEvent(event.data.u64, event.events); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Load::OnEvent(size_t index, uint32_t events) {
  Connection& connection = connections_[index];
  if ((events & EPOLLOUT) != 0) socket_full_[index] = false;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
    now_ns_ = NowNs();
    absl::Status status = connection.Receive([&](const Exchange& exchange, const RespReply& reply) {
      OnReply(connection, exchange, reply);
    });
    if (!status.ok()) return status;
  }
  return closed_loop() ? Fill(index) : Flush(index);
}

absl::Status Load::Fill(size_t index) {
  Connection& connection = connections_[index];
  while (connection.in_flight() < shape_.in_flight && asking()) {
    connection.Ask(NextExchange(index, now_ns_), response_shape_);
  }
  return Flush(index);
}

absl::Status Load::AskWhatIsDue() {
  if (closed_loop()) return absl::OkStatus();
  now_ns_ = NowNs();
  while (asking()) {
    const int64_t due_ns = begin_ns_ + Ns(static_cast<double>(asked_) / shape_.rate_per_second);
    if (due_ns > now_ns_) break;
    const size_t index = asked_ % connections_.size();
    connections_[index].Ask(NextExchange(index, due_ns), response_shape_);
    if (absl::Status status = Flush(index); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Load::Flush(size_t index) {
  if (socket_full_[index]) return absl::OkStatus();
  const absl::StatusOr<bool> flushed = connections_[index].Flush();
  if (!flushed.ok()) return flushed.status();
  socket_full_[index] = !*flushed;
  return absl::OkStatus();
}

Key Load::KeyFor(Keys keys, size_t index, uint64_t turn) {
  switch (keys) {
    case Keys::kFresh:
      return fresh_keys_.KeyOf(turn);
    case Keys::kResident:
      return resident_keys_.KeyOf(random_() % shape_.resident_keys);
    case Keys::kOfTheConnection:
      return fresh_keys_.KeyOf(~uint64_t{index});
  }
  return {};
}

Exchange Load::NextExchange(size_t index, int64_t start_ns) {
  const uint64_t turn = asked_++;
  ++in_flight_;
  const Operation* const operation = operations_[turn % operations_.size()];
  const bool counts = operation->keys == Keys::kOfTheConnection;
  return {.operation = operation,
          .key = KeyFor(operation->keys, index, turn),
          .number = counts ? numbers_[index]++ : 0,
          .start_ns = start_ns};
}

void Load::OnReply(Connection& connection, Exchange exchange, const RespReply& reply) {
  const std::vector<Round>& rounds = exchange.operation->rounds;
  const bool right =
      rounds[exchange.round].is_right(reply, response_shape_, &exchange) || shape_.any_answer;
  if (right && ++exchange.round < rounds.size()) {
    return connection.Ask(exchange, response_shape_);
  }
  --in_flight_;
  if (right) {
    Finish(exchange);
  } else {
    NoteWrong(reply);
  }
}

void Load::Finish(const Exchange& exchange) {
  ++result_.operations;
  if (exchange.start_ns >= measure_ns_) result_.latencies.Add(now_ns_ - exchange.start_ns);
  if (now_ns_ >= measure_ns_ && now_ns_ < end_ns_) ++result_.measured_operations;
}

void Load::NoteWrong(const RespReply& reply) {
  if (result_.wrong++ > 0) return;
  for (size_t i = 0; i < reply.count; ++i) {
    const RespItem& item = reply.items[i];
    result_.first_wrong.append(i > 0 ? " " : "").append(1, item.type);
    result_.first_wrong.append(item.text.substr(0, 60));
  }
}

}  // namespace idem::bench
