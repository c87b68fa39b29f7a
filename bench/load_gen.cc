// Puts a load on a server that speaks RESP, checks every answer, and prints what it saw as JSON.
//
//   load_gen --port 6379 --operations set --connections 50 --in_flight 16 --seconds 3
//   load_gen --port 6379 --operations pair --count 1000000 --in_flight 64    (fills it)
//   load_gen --port 6379 --operations replay --resident_keys 1000000
//
// bench/load/operation.h lists the operations, bench/load/load.h tells how it measures. It knows
// nothing of Idem but its commands. Exits with 1 if an answer was wrong or missing, 2 if it could
// not run.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "bench/load/connection.h"
#include "bench/load/load.h"
#include "bench/load/operation.h"

ABSL_FLAG(uint16_t, port, 6379, "of the server, on 127.0.0.1");
ABSL_FLAG(std::vector<std::string>, operations, {"ping"}, "names of operations that take turns");
ABSL_FLAG(uint32_t, connections, 50, "");
ABSL_FLAG(uint32_t, in_flight, 1, "operations in flight on each connection (closed loop)");
ABSL_FLAG(double, rate, 0, "operations per second (open loop); 0: closed loop");
ABSL_FLAG(double, warmup, 0, "seconds before measuring");
ABSL_FLAG(double, seconds, 1, "to measure");
ABSL_FLAG(uint64_t, count, 0, "end after so many operations, however long it takes");
ABSL_FLAG(uint64_t, seed, 1, "of the fresh keys, and of the choice among resident ones");
ABSL_FLAG(uint64_t, resident_seed, 1, "the seed by which the resident keys were made");
ABSL_FLAG(uint64_t, resident_keys, 1, "how many of them there are");
ABSL_FLAG(uint32_t, response_bytes, 100, "");
ABSL_FLAG(bool, any_answer, false, "take every answer for right: of a server that only counts");
ABSL_FLAG(int64_t, retention_ms, 86'400'000, "of plain responses");
ABSL_FLAG(int64_t, expire_at_unix_ms, 0, "when all responses of set-until expire");

namespace idem::bench {
namespace {

[[noreturn]] void Die(const absl::Status& status) {
  std::fprintf(stderr, "load_gen: %s\n", status.ToString().c_str());
  std::exit(2);
}

LoadShape ShapeFromFlags() {
  LoadShape shape;
  shape.port = absl::GetFlag(FLAGS_port);
  shape.connections = std::max(absl::GetFlag(FLAGS_connections), 1u);
  shape.in_flight = std::max(absl::GetFlag(FLAGS_in_flight), 1u);
  shape.warmup_seconds = absl::GetFlag(FLAGS_warmup);
  shape.seconds = absl::GetFlag(FLAGS_seconds);
  shape.operations = absl::GetFlag(FLAGS_count);
  if (shape.operations > 0) shape.seconds = 3600;
  shape.rate_per_second = absl::GetFlag(FLAGS_rate);
  shape.fresh_seed = absl::GetFlag(FLAGS_seed);
  shape.resident_seed = absl::GetFlag(FLAGS_resident_seed);
  shape.resident_keys = std::max<uint64_t>(absl::GetFlag(FLAGS_resident_keys), 1);
  shape.response_bytes = absl::GetFlag(FLAGS_response_bytes);
  shape.any_answer = absl::GetFlag(FLAGS_any_answer);
  return shape;
}

bool AnyInLua(const std::vector<std::string>& names) {
  return std::any_of(names.begin(), names.end(),
                     [](const std::string& name) { return name.starts_with("lua-"); });
}

// Gives the server the scripts and returns their SHA-1s.
absl::StatusOr<std::map<std::string, std::string>> LoadScripts(uint16_t port) {
  absl::StatusOr<Connection> connection = Connection::Open(port);
  if (!connection.ok()) return connection.status();
  std::map<std::string, std::string> shas;
  for (const auto& [name, text] : Scripts()) {
    absl::StatusOr<std::string> sha = connection->Call(
        absl::StrCat("*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$", text.size(), "\r\n", text, "\r\n"));
    if (!sha.ok()) return sha.status();
    shas[name] = *std::move(sha);
  }
  return shas;
}

std::string Printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < ' ' || c > '~' || c == '"' || c == '\\'; },
      '?');
  return text;
}

// What this process used so far: a client that is busy all the time is what bounds the throughput.
struct Effort {
  std::chrono::duration<double> elapsed;
  double cpu_seconds;
};

Effort EffortSoFar() {
  rusage used;
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return {std::chrono::steady_clock::now().time_since_epoch(),
          seconds(used.ru_utime) + seconds(used.ru_stime)};
}

void PrintJson(const LoadResult& result, const Effort& before) {
  const Effort now = EffortSoFar();
  const LatencyHistogram& latencies = result.latencies;
  const auto us = [&](double percent) {
    return static_cast<double>(latencies.Percentile(percent)) / 1e3;
  };
  std::printf(
      "{\"operations\": %llu, \"measured_operations\": %llu, \"seconds\": %.6f, "
      "\"operations_per_second\": %.1f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p99_9_us\": %.1f, "
      "\"p99_99_us\": %.1f, \"max_us\": %.1f, \"elapsed_seconds\": %.6f, \"client_cpu_seconds\": "
      "%.6f, \"wrong\": %llu, "
      "\"unanswered\": %llu, \"first_wrong\": \"%s\"}\n",
      static_cast<unsigned long long>(result.operations),
      static_cast<unsigned long long>(result.measured_operations), result.measured_seconds,
      static_cast<double>(result.measured_operations) / result.measured_seconds, us(50), us(99),
      us(99.9), us(99.99), static_cast<double>(latencies.max()) / 1e3,
      (now.elapsed - before.elapsed).count(), now.cpu_seconds - before.cpu_seconds,
      static_cast<unsigned long long>(result.wrong),
      static_cast<unsigned long long>(result.unanswered), Printable(result.first_wrong).c_str());
}

int Main() {
  const LoadShape shape = ShapeFromFlags();
  const std::vector<std::string> names = absl::GetFlag(FLAGS_operations);
  std::map<std::string, std::string> shas;
  if (AnyInLua(names)) {
    absl::StatusOr<std::map<std::string, std::string>> loaded = LoadScripts(shape.port);
    if (!loaded.ok()) Die(loaded.status());
    shas = *std::move(loaded);
  }
  const std::map<std::string, Operation> known = MakeOperations(
      shas, absl::GetFlag(FLAGS_retention_ms), absl::GetFlag(FLAGS_expire_at_unix_ms));
  std::vector<const Operation*> chosen;
  for (const std::string& name : names) {
    const auto found = known.find(name);
    if (found == known.end()) {
      Die(absl::InvalidArgumentError(absl::StrCat("no operation ", name)));
    }
    chosen.push_back(&found->second);
  }
  Load load(shape, std::move(chosen));
  const Effort before = EffortSoFar();
  const absl::StatusOr<LoadResult> result = load.Run();
  if (!result.ok()) Die(result.status());
  PrintJson(*result, before);
  return result->wrong + result->unanswered == 0 ? 0 : 1;
}

}  // namespace
}  // namespace idem::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("puts a load on a RESP server and prints what it saw as JSON");
  absl::ParseCommandLine(argc, argv);
  return idem::bench::Main();
}
