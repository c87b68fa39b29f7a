#include "server/command_timing.h"

#include <vector>

#include "server/command_table.h"

namespace idem::server {
namespace {

// The name and the keys: the other arguments may be secrets. Patterns and cursors are none.
std::vector<std::string_view> WordsOf(const Call& call) {
  const Command& command = call.command;
  if ((command.flags & kReadOnly) != 0) return {call.args.begin(), call.args.end()};
  std::vector<std::string_view> words = {command.name};
  for (const std::string_view key : KeysOf(command, call.args)) words.push_back(key);
  return words;
}

std::vector<std::string_view> WordsOf(const Command& command, const Told& told) {
  std::vector<std::string_view> words = {command.name};
  for (const Request& request : told.requests) words.push_back(request.key);
  return words;
}

}  // namespace

void CommandTiming::Note(const Stopwatch& watch, const CommandBatch& batch, size_t executed,
                         const Session& session) {
  const int64_t batch_ns = watch.ElapsedNs();
  size_t requests = 0;
  for (size_t i = 0; i < executed; ++i) requests += batch.told(i).requests.size();
  if (requests == 0) return;
  for (size_t i = 0; i < executed; ++i) {
    if (batch.command(i) == nullptr) continue;
    const Told told = batch.told(i);
    const double share = static_cast<double>(told.requests.size()) / static_cast<double>(requests);
    const auto ns = static_cast<int64_t>(static_cast<double>(batch_ns) * share);
    const Command& command = *batch.command(i);
    const bool is_slow = server_.slow_log.Takes(ns / 1000);
    Note(command, ns, is_slow ? WordsOf(command, told) : std::vector<std::string_view>(), session);
  }
}

void CommandTiming::Note(const Stopwatch& watch, const Call& call) {
  const int64_t ns = watch.ElapsedNs();
  const bool is_slow = server_.slow_log.Takes(ns / 1000);
  Note(call.command, ns, is_slow ? WordsOf(call) : std::vector<std::string_view>(), call.session);
}

// Without words it was not slow.
void CommandTiming::Note(const Command& command, int64_t ns, Arguments words,
                         const Session& session) {
  stats_.commands_by_index[command.index].durations.Add(ns);
  if (words.empty()) return;
  server_.slow_log.Add(server_.clock().WallMs() / 1000, ns / 1000, words, session.peer,
                       session.name);
}

}  // namespace idem::server
