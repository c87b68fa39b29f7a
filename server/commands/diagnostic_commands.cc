// Where the time goes: SLOWLOG and LATENCY, in Redis' form.
//
// There is no latency monitor, which Redis has turned off, too, if it is not asked for: LATEST and
// HISTORY are empty. HISTOGRAM tells what INFO latencystats is made from.
#include <algorithm>
#include <limits>
#include <optional>
#include <vector>

#include "server/commands/families.h"
#include "server/commands/introspection.h"
#include "server/error_texts.h"
#include "server/text.h"
#include "server/totals.h"

namespace idem::server {
namespace {

void TellZero(Call&, RespWriter& out) { out.Integer(0); }

// --- SLOWLOG -------------------------------------------------------------------------------------

void TellEntry(const SlowLog::Entry& entry, RespWriter& out) {
  out.Array(6);
  out.Integer(static_cast<int64_t>(entry.id));
  out.Integer(entry.unix_seconds);
  out.Integer(entry.duration_us);
  out.Array(entry.words.size());
  for (const std::string& word : entry.words) out.Bulk(word);
  out.Bulk(entry.peer);
  out.Bulk(entry.client_name);
}

// SLOWLOG GET [count]: 10 if none is given, -1 is all.
void RunSlowlogGet(Call& call, RespWriter& out) {
  if (call.args.size() > 3) return out.Error(WrongArity(call.command.name));
  const std::optional<int64_t> count = call.args.size() == 3 ? ParseInteger(call.args[2]) : 10;
  if (!count || *count < -1) {
    return out.Error("ERR count should be greater than or equal to -1");
  }
  const size_t told = *count < 0 ? std::numeric_limits<size_t>::max() : static_cast<size_t>(*count);
  const std::vector<SlowLog::Entry> entries = call.server.slow_log.Newest(told);
  out.Array(entries.size());
  for (const SlowLog::Entry& entry : entries) TellEntry(entry, out);
}

void RunSlowlogLen(Call& call, RespWriter& out) {
  out.Integer(static_cast<int64_t>(call.server.slow_log.size()));
}

void RunSlowlogReset(Call& call, RespWriter& out) {
  call.server.slow_log.Clear();
  out.SimpleString("OK");
}

// --- LATENCY -------------------------------------------------------------------------------------

// Redis tells the buckets that something fell into, each with all that was no longer.
void TellBuckets(const DurationTotals& durations, RespWriter& out) {
  const auto begin = durations.buckets.begin();
  const auto end = begin + kDurationBounds;  // what is longer has no bound to be told by
  out.Map(static_cast<size_t>(std::count_if(begin, end, [](uint64_t n) { return n > 0; })));
  uint64_t up_to = 0;
  for (size_t i = 0; i < kDurationBounds; ++i) {
    up_to += durations.buckets[i];
    if (durations.buckets[i] == 0) continue;
    out.Integer(DurationBoundUs(i));
    out.Integer(static_cast<int64_t>(up_to));
  }
}

// LATENCY HISTOGRAM [command ...]
void RunHistogram(Call& call, RespWriter& out) {
  const Arguments names = call.args.subspan(2);
  std::vector<NamedTotals> told = SumByCommand(call.server);
  std::erase_if(told, [names](const NamedTotals& named) {
    if (named.totals.durations.count == 0) return true;
    return !names.empty() && std::none_of(names.begin(), names.end(), [&](std::string_view name) {
      return EqualsIgnoreCase(name, named.name);
    });
  });
  out.Map(told.size());
  for (const auto& [name, totals] : told) {
    out.Bulk(name);
    out.Map(2);
    out.Bulk("calls");
    out.Integer(static_cast<int64_t>(totals.calls));
    out.Bulk("histogram_usec");
    TellBuckets(totals.durations, out);
  }
}

constexpr uint32_t kAlways = kLoading | kStale;

constexpr Command kCommands[] = {
    {"latency", -2, kContainer, kNone, nullptr, nullptr, nullptr, "server", "2.8.13", "",
     "A container for latency diagnostics commands"},
    {"latency|latest", 2, kTools, kNone, nullptr, nullptr, TellNothing, "server", "2.8.13", "",
     "Return the latest latency samples: none, there is no latency monitor"},
    {"latency|history", 3, kTools, kNone, nullptr, nullptr, TellNothing, "server", "2.8.13",
     "event", "Return latency samples of an event: none, there is no latency monitor"},
    {"latency|histogram", -2, kTools, kNone, nullptr, nullptr, RunHistogram, "server", "7.0.0",
     "[command [command ...]]", "Return how long commands took, of those that were timed"},
    {"latency|reset", -2, kTools, kNone, nullptr, nullptr, TellZero, "server", "2.8.13",
     "[event [event ...]]", "Reset latency data; there is no latency monitor"},
    {"latency|help", 2, kAlways, kNone, nullptr, nullptr, RunHelp, "server", "2.8.13", "",
     "Show the subcommands"},
    {"slowlog", -2, kContainer, kNone, nullptr, nullptr, nullptr, "server", "2.2.12", "",
     "A container for slow log commands"},
    {"slowlog|get", -2, kTools, kNone, nullptr, nullptr, RunSlowlogGet, "server", "2.2.12",
     "[count]", "Get the newest commands that took long: their names and keys"},
    {"slowlog|len", 2, kTools, kNone, nullptr, nullptr, RunSlowlogLen, "server", "2.2.12", "",
     "Get the number of entries in the slow log"},
    {"slowlog|reset", 2, kTools, kNone, nullptr, nullptr, RunSlowlogReset, "server", "2.2.12", "",
     "Clear the slow log"},
    {"slowlog|help", 2, kAlways, kNone, nullptr, nullptr, RunHelp, "server", "6.2.0", "",
     "Show the subcommands"},
};

}  // namespace

std::span<const Command> DiagnosticCommands() { return kCommands; }

}  // namespace idem::server
