// Which executions are timed, and what becomes of the time.
//
// To read the clock costs as much as a command in a pipeline, so not every command is timed, and
// none for itself: what is timed is a batch, and a command's share of it is that of its requests.
// Timed are
//   - one batch in kEvery, and one command in kEvery of those that run alone;
//   - batches of more than kLargeBatch requests: one of their commands has many keys;
//   - commands that may take long by their nature (kTimed);
//   - everything, while the slow log is to hold what took less than kCarefulUs.
// So the histograms are samples, the counts of calls are exact, and SLOWLOG misses a short command
// only if it was slow for a reason of its surroundings.
//
// Thread rule: none; belongs to an event loop.
#ifndef IDEM_SERVER_COMMAND_TIMING_H_
#define IDEM_SERVER_COMMAND_TIMING_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "server/command.h"
#include "server/command_batch.h"
#include "server/context.h"
#include "server/stopwatch.h"

namespace idem::server {

class CommandTiming {
 public:
  static constexpr uint32_t kEvery = 64;
  static constexpr size_t kLargeBatch = 2 * CommandBatch::kPlannedMax;
  static constexpr int64_t kCarefulUs = 1000;

  CommandTiming(ServerContext& server, LoopStats& stats) : server_(server), stats_(stats) {}

  // Runs if what begins now is to be timed; hand it to Note in the end.
  std::optional<Stopwatch> Start(const CommandBatch& batch) {
    return Start(batch.requests() > kLargeBatch);
  }
  std::optional<Stopwatch> Start(const Command& command) {
    return Start((command.flags & kTimed) != 0);
  }

  // The first `executed` commands of the batch took so long.
  void Note(const Stopwatch& watch, const CommandBatch& batch, size_t executed,
            const Session& session);
  void Note(const Stopwatch& watch, const Call& call);

 private:
  std::optional<Stopwatch> Start(bool always) {
    const int64_t slow_us = server_.slow_log.threshold_us();
    if (!always && ++turn_ % kEvery != 0 && (slow_us < 0 || slow_us >= kCarefulUs)) return {};
    return Stopwatch();
  }
  void Note(const Command& command, int64_t ns, Arguments words, const Session& session);

  ServerContext& server_;
  LoopStats& stats_;
  uint32_t turn_ = 0;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMAND_TIMING_H_
