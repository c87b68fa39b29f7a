// One non-blocking client connection: what it has asked, in order, and what came back.
//
// The load that drives it decides when to ask, flush and receive. Thread rule: one thread.
#ifndef IDEM_BENCH_LOAD_CONNECTION_H_
#define IDEM_BENCH_LOAD_CONNECTION_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/key_space.h"
#include "bench/load/operation.h"
#include "bench/load/resp_reply.h"

namespace idem::bench {

class Connection {
 public:
  // Connects to 127.0.0.1.
  static absl::StatusOr<Connection> Open(uint16_t port);
  Connection(Connection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)),
        asked_(std::move(other.asked_)),
        output_(std::move(other.output_)),
        written_(std::exchange(other.written_, 0)),
        input_(std::move(other.input_)),
        filled_(std::exchange(other.filled_, 0)) {}
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  // Appends the request of the exchange's round; Flush sends it.
  void Ask(const Exchange& exchange, const ResponseShape& shape);
  // Writes what there is. False: the socket is full; flush again when it is writable.
  absl::StatusOr<bool> Flush();
  // Reads once and shows every reply that is whole, with the exchange it answers, to
  // on_reply(Exchange, const RespReply&).
  template <typename OnReply>
  absl::Status Receive(OnReply on_reply);

  // Sends `request` as it is and waits for its reply: before the load begins.
  absl::StatusOr<std::string> Call(std::string_view request);

  int fd() const { return fd_; }
  size_t in_flight() const { return asked_.size(); }

 private:
  explicit Connection(int fd) : fd_(fd), input_(size_t{64} << 10) {}
  // Reads what the socket has into `input_`; absl::OkStatus() also if there was nothing.
  absl::Status ReadOnce();
  // Drops `used` bytes from the front of the input.
  void Consume(size_t used);
  std::string_view received() const { return {input_.data(), filled_}; }

  int fd_;
  std::deque<Exchange> asked_;
  std::string output_;
  size_t written_ = 0;  // of output_
  std::vector<char> input_;
  size_t filled_ = 0;  // of input_
};

template <typename OnReply>
absl::Status Connection::Receive(OnReply on_reply) {
  if (absl::Status status = ReadOnce(); !status.ok()) return status;
  size_t used = 0;
  while (used < filled_) {
    RespReply reply;
    const std::optional<size_t> length = ReadReply(received().substr(used), &reply);
    if (!length || asked_.empty()) return absl::InternalError("the server does not speak RESP");
    if (*length == 0) break;
    Exchange exchange = asked_.front();
    asked_.pop_front();
    on_reply(exchange, reply);
    used += *length;
  }
  Consume(used);
  return absl::OkStatus();
}

}  // namespace idem::bench

#endif  // IDEM_BENCH_LOAD_CONNECTION_H_
