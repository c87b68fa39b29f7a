// A load on one server: some connections, each with so many operations in flight, for a time.
//
//   closed loop  every answer is followed by the next request: how much can the server do?
//   open loop    requests leave at a fixed rate whatever the answers do, and an operation's time
//                counts from the moment it was due: what does a caller wait at this rate?
//
// Only operations whose answers were all right count. Those that begin within the measured seconds
// give the latencies, those that end within them the throughput.
#ifndef IDEM_BENCH_LOAD_LOAD_H_
#define IDEM_BENCH_LOAD_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/key_space.h"
#include "bench/latency_histogram.h"
#include "bench/load/connection.h"
#include "bench/load/operation.h"

namespace idem::bench {

struct LoadShape {
  uint16_t port = 0;
  size_t connections = 1;
  size_t in_flight = 1;  // on each connection; closed loop only
  double warmup_seconds = 0;
  double seconds = 1;
  uint64_t operations = 0;     // end after so many; 0: only by time
  double rate_per_second = 0;  // 0: closed loop
  uint64_t fresh_seed = 1;     // key space of operations on fresh keys
  uint64_t resident_seed = 1;  // key space of the others, of which
  uint64_t resident_keys = 0;  // so many exist
  size_t response_bytes = 100;
  bool any_answer = false;  // answers are looked at, but none is wrong
};

struct LoadResult {
  uint64_t operations = 0;  // right answers, warm-up and drain included
  uint64_t measured_operations = 0;
  double measured_seconds = 0;
  uint64_t wrong = 0;       // answers that were not what they must be, errors included
  uint64_t unanswered = 0;  // seconds after the end
  std::string first_wrong;  // such an answer
  LatencyHistogram latencies;
};

class Load {
 public:
  // The operations take turns. The pointers stay valid for as long as the Load.
  Load(const LoadShape& shape, std::vector<const Operation*> operations);
  ~Load();

  absl::StatusOr<LoadResult> Run();

 private:
  absl::Status Connect();
  absl::Status Drive();
  absl::Status OnEvent(size_t index, uint32_t events);
  absl::Status Fill(size_t index);
  absl::Status AskWhatIsDue();
  absl::Status Flush(size_t index);
  Exchange NextExchange(size_t index, int64_t start_ns);
  Key KeyFor(Keys keys, size_t index, uint64_t turn);
  void OnReply(Connection& connection, Exchange exchange, const RespReply& reply);
  void Finish(const Exchange& exchange);
  void NoteWrong(const RespReply& reply);
  bool closed_loop() const { return shape_.rate_per_second == 0; }
  bool asking() const { return now_ns_ < end_ns_ && asked_ < most_; }

  const LoadShape shape_;
  const ResponseShape response_shape_;
  const KeySpace fresh_keys_;
  const KeySpace resident_keys_;
  const std::vector<const Operation*> operations_;
  std::vector<Connection> connections_;
  std::vector<bool> socket_full_;
  std::vector<int64_t> numbers_;  // of the producer that a connection is
  int epoll_ = -1;
  std::mt19937_64 random_;

  int64_t now_ns_ = 0;  // of this turn of the loop
  int64_t begin_ns_ = 0;
  int64_t measure_ns_ = 0;
  int64_t end_ns_ = 0;
  uint64_t most_ = 0;
  uint64_t asked_ = 0;
  uint64_t in_flight_ = 0;
  LoadResult result_;
};

}  // namespace idem::bench

#endif  // IDEM_BENCH_LOAD_LOAD_H_
