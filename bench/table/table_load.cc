// Measures one table (table.h) and prints what it saw as JSON: its growth from nothing, and then
// operations on it. One table a process, so that each begins with fresh memory.
//
//   table_load --list
//   table_load --table=idem --keys=20000000
//   table_load --table=absl --keys=1000000 --phases=find,find+find,find+hot --batches=1
//   table_load --table=idem --keys=2000000 --phases= --response_bytes=16 --code=200
//
// A phase names an operation (phase.h) for each thread. Exits with a message and without JSON if
// an answer was wrong.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "bench/key_space.h"
#include "bench/table/block.h"
#include "bench/table/growth.h"
#include "bench/table/phase.h"
#include "bench/table/table.h"

ABSL_FLAG(bool, list, false, "print the names of the tables and end");
ABSL_FLAG(std::string, table, "idem", "");
ABSL_FLAG(uint64_t, keys, 1'000'000, "finished requests; beside them a quarter as many claims");
ABSL_FLAG(std::vector<std::string>, phases,
          std::vector<std::string>({"find", "duplicate", "claim", "insert"}),
          "operations, one for each thread, with + between them");
ABSL_FLAG(std::vector<std::string>, batches, std::vector<std::string>({"1", "16"}), "items a call");
ABSL_FLAG(double, seconds, 0.2, "of each phase on resident keys");
ABSL_FLAG(uint64_t, fresh_keys, 20'000, "of each thread in each phase on fresh keys");
ABSL_FLAG(uint64_t, fill_batch, 1, "items a call while it grows");
ABSL_FLAG(bool, only_claims, false, "grow by claims alone, and end");
ABSL_FLAG(uint64_t, response_bytes, 100, "");
ABSL_FLAG(uint32_t, code, 0, "told with a response, by a table that can");
ABSL_FLAG(uint32_t, stripes, 64, "of a table that has them");
ABSL_FLAG(std::string, directory, "", "an empty one, for a table with files");

namespace idem::bench {
namespace {

std::string JsonOf(const LatencyHistogram& latencies) {
  return absl::StrCat(
      "{\"calls\": ", latencies.count(), ", \"p50_ns\": ", latencies.Percentile(50),
      ", \"p99_ns\": ", latencies.Percentile(99), ", \"p99_9_ns\": ", latencies.Percentile(99.9),
      ", \"p99_99_ns\": ", latencies.Percentile(99.99), ", \"max_ns\": ", latencies.max(), "}");
}

std::string JsonOf(const SlowCall& call) {
  return absl::StrCat("{\"ns\": ", call.ns, ", \"at\": ", call.at, "}");
}

template <typename Range>
std::string JsonList(const Range& range) {
  return absl::StrCat(
      "[",
      absl::StrJoin(range, ", ",
                    [](std::string* out, const auto& one) { absl::StrAppend(out, JsonOf(one)); }),
      "]");
}

std::string JsonOf(const Growth& growth) {
  return absl::StrCat(
      "{\"ns_per_key\": ", growth.ns_per_key, ", \"rss_bytes_per_key\": ", growth.rss_bytes_per_key,
      ", \"undisturbed\": ", JsonOf(growth.calls.undisturbed()),
      ", \"all\": ", JsonOf(growth.calls.all()), ", \"switches\": ", growth.calls.switches(),
      ", \"stolen_ms\": ", growth.stolen_ms, ", \"slowest\": ", JsonOf(growth.calls.slowest()),
      ", \"slowest_preempted\": ", JsonOf(growth.calls.slowest_preempted()),
      ",\n\"windows\": ", JsonList(growth.windows), "}");
}

void InsertClaims(Table* table, const Resident& resident) {
  Block block(*resident.shape);
  for (uint64_t i = 0; i < resident.claimed; ++i) {
    block.Set(0, kClaimedKeys.KeyOf(i), false);
    if (table->Insert(block.items().first(1)) != 1) Fail("a claim is there already");
  }
}

std::vector<std::string> RunPhases(Table* table, const Resident& resident) {
  const Effort effort = {.seconds = absl::GetFlag(FLAGS_seconds),
                         .fresh_keys = absl::GetFlag(FLAGS_fresh_keys)};
  std::vector<std::string> results;
  for (const std::string& phase : absl::GetFlag(FLAGS_phases)) {
    const std::vector<std::string> operations = absl::StrSplit(phase, '+');
    for (const std::string& text : absl::GetFlag(FLAGS_batches)) {
      const size_t batch = std::strtoull(text.c_str(), nullptr, 10);
      if (batch == 0 || Block::kItems % batch != 0 || batch > Table::kBatchMax) {
        Fail("a batch is 1, 2, 4, 8 or 16");
      }
      const PhaseResult result = RunPhase(table, resident, effort, batch, operations);
      results.push_back(absl::StrCat("{\"phase\": \"", phase, "\", \"batch\": ", batch,
                                     ", \"keys_per_second\": ", result.keys_per_second,
                                     ", \"ns_per_key\": [", absl::StrJoin(result.ns_per_key, ", "),
                                     "]}"));
    }
  }
  return results;
}

uint64_t CapacityFor(const Resident& resident) {
  const uint64_t fresh = absl::GetFlag(FLAGS_fresh_keys) + Block::kItems;
  uint64_t threads = 0;
  for (const std::string& phase : absl::GetFlag(FLAGS_phases)) {
    threads += std::vector<std::string>(absl::StrSplit(phase, '+')).size();
  }
  return resident.finished + resident.claimed +
         threads * fresh * absl::GetFlag(FLAGS_batches).size();
}

int Main() {
  if (absl::GetFlag(FLAGS_list)) {
    for (const auto& [name, make] : Tables()) std::printf("%s\n", name.c_str());
    return 0;
  }
  const auto found = Tables().find(absl::GetFlag(FLAGS_table));
  if (found == Tables().end()) Fail("no such table in this build; see --list");
  const ResponseShape shape(absl::GetFlag(FLAGS_response_bytes));
  const uint64_t keys = absl::GetFlag(FLAGS_keys);
  const Resident resident = {.finished = keys, .claimed = keys / 4 + 1, .shape = &shape};
  const std::unique_ptr<Table> table =
      found->second({.capacity = CapacityFor(resident),
                     .stripes = absl::GetFlag(FLAGS_stripes),
                     .code = static_cast<uint16_t>(absl::GetFlag(FLAGS_code)),
                     .directory = absl::GetFlag(FLAGS_directory)});
  const Growth growth = Grow(table.get(), {.keys = keys,
                                           .batch = absl::GetFlag(FLAGS_fill_batch),
                                           .only_claims = absl::GetFlag(FLAGS_only_claims),
                                           .shape = &shape});
  std::vector<std::string> phases;
  if (!absl::GetFlag(FLAGS_only_claims) && !absl::GetFlag(FLAGS_phases).empty()) {
    InsertClaims(table.get(), resident);
    phases = RunPhases(table.get(), resident);
  }
  std::printf("{\"table\": \"%s\", \"keys\": %llu, \"growth\": %s,\n\"phases\": [%s]}\n",
              found->first.c_str(), static_cast<unsigned long long>(keys), JsonOf(growth).c_str(),
              absl::StrJoin(phases, ",\n").c_str());
  return 0;
}

}  // namespace
}  // namespace idem::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("measures one table of requests and prints what it saw as JSON");
  absl::ParseCommandLine(argc, argv);
  return idem::bench::Main();
}
