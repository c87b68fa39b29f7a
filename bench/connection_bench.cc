// What idem-server does for a command beside its system calls: parse, plan, execute, answer, by
// one connection without a socket, over a store in memory mode.
//
//   BM_Set          SET key owner NX EX of fresh keys
//   BM_Get          GET of resident keys
//   BM_Begin        IDEM.BEGIN of fresh keys
//   BM_Replay       IDEM.BEGIN of keys that are completed
//   ../threads:n    so many event loops, each a thread with one connection, on one store: what they
//                   can do where no client takes a core from them; items are those of all
//
// The argument is how many commands arrive in one read. All requests are made before.
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/key_space.h"
#include "benchmark/benchmark.h"
#include "idem/store.h"
#include "server/command_table.h"
#include "server/connection.h"

namespace idem::server {
namespace {

using bench::Key;
using bench::KeySpace;
using bench::View;

constexpr size_t kResidentKeys = 50'000;
constexpr size_t kRequests = 1 << 17;  // made before, and used again on a new server

std::string Bulk(std::string_view text) {
  return absl::StrCat("$", text.size(), "\r\n", absl::string_view(text.data(), text.size()),
                      "\r\n");
}

std::string_view DigestOf(const Key& key) { return View(key).substr(0, 16); }

std::string Set(const Key& key) {
  return absl::StrCat("*6\r\n$3\r\nSET\r\n", Bulk(View(key)), Bulk(View(key).substr(24)),
                      "$2\r\nNX\r\n$2\r\nEX\r\n$5\r\n86400\r\n");
}

std::string Get(const Key& key) { return absl::StrCat("*2\r\n$3\r\nGET\r\n", Bulk(View(key))); }

std::string Begin(const Key& key) {
  return absl::StrCat("*4\r\n$10\r\nIDEM.BEGIN\r\n", Bulk(View(key)), "$2\r\nFP\r\n",
                      Bulk(DigestOf(key)));
}

// A server of some loops with one client each.
class Server {
 public:
  explicit Server(size_t loops = 1) {
    options_.store.durability = Durability::kMemory;
    options_.threads = static_cast<int>(loops);
    absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options_.store);
    if (!store.ok()) std::abort();
    store_ = *std::move(store);
    context_ = std::make_unique<ServerContext>(options_, store_.get(), &commands_);
    for (size_t i = 0; i < loops; ++i) {
      loops_.push_back(std::make_unique<LoopContext>(*context_, static_cast<int>(i)));
      connections_.push_back(std::make_unique<Connection>(*loops_[i], "127.0.0.1:50000"));
    }
  }

  // Returns how many bytes were answered.
  size_t Serve(std::string_view requests, size_t loop = 0) {
    Connection& connection = *connections_[loop];
    connection.Feed(requests);
    const size_t answered = connection.Releasable().size();
    connection.Sent(answered);
    return answered;
  }

  // A value, or a finished request, of each resident key.
  void Fill(bool as_records) {
    const std::string response(100, 'r');
    for (size_t i = 0; i < kResidentKeys; ++i) {
      const Key key = KeySpace(1).KeyOf(i);
      if (!as_records) {
        Execute({.op = Op::kPut, .key = View(key), .value = response});
        continue;
      }
      const Fingerprint digest = *store_->FingerprintOfDigest(DigestOf(key));
      const Token token =
          Execute({.op = Op::kBegin, .key = View(key), .fingerprint = digest}).token;
      Execute({.op = Op::kComplete, .key = View(key), .value = response, .token = token});
    }
  }

 private:
  Reply Execute(const Request& request) {
    Reply reply;
    store_->Execute({&request, 1}, {&reply, 1});
    return reply;
  }

  ServerOptions options_;
  std::unique_ptr<Store> store_;
  CommandTable commands_;
  std::unique_ptr<ServerContext> context_;
  std::vector<std::unique_ptr<LoopContext>> loops_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// So many requests of one size, one behind the other.
class Requests {
 public:
  Requests(std::string (*request)(const Key&), uint64_t seed, size_t keys) {
    for (size_t i = 0; i < kRequests; ++i) {
      all_ += request(KeySpace(seed).KeyOf(keys == 0 ? i : bench::Mix(i) % keys));
    }
    bytes_ = all_.size() / kRequests;
  }

  std::string_view Some(size_t first, size_t count) const {
    return std::string_view(all_).substr(first * bytes_, count * bytes_);
  }

 private:
  std::string all_;
  size_t bytes_;
};

// Serves request after request; at the end of all begins again, on a new server if `renew`.
void Measure(benchmark::State& state, const Requests& requests, std::unique_ptr<Server> server,
             bool renew) {
  const auto count = static_cast<size_t>(state.range(0));
  size_t next = 0;
  for (auto _ : state) {
    if (next + count > kRequests) {
      next = 0;
      if (renew) {
        state.PauseTiming();
        server = std::make_unique<Server>();
        state.ResumeTiming();
      }
    }
    if (server->Serve(requests.Some(next, count)) < 5 * count) state.SkipWithError("no answer");
    next += count;
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_Set(benchmark::State& state) {
  Measure(state, Requests(Set, 2, 0), std::make_unique<Server>(), true);
}

void BM_Begin(benchmark::State& state) {
  Measure(state, Requests(Begin, 2, 0), std::make_unique<Server>(), true);
}

void BM_Get(benchmark::State& state) {
  auto server = std::make_unique<Server>();
  server->Fill(/*as_records=*/false);
  Measure(state, Requests(Get, 1, kResidentKeys), std::move(server), false);
}

void BM_Replay(benchmark::State& state) {
  auto server = std::make_unique<Server>();
  server->Fill(/*as_records=*/true);
  Measure(state, Requests(Begin, 1, kResidentKeys), std::move(server), false);
}

// Each thread asks for requests of its own, once; the first one makes the server before.
void MeasureLoops(benchmark::State& state, std::string (*request)(const Key&), bool resident) {
  static std::unique_ptr<Server> server;
  const auto loop = static_cast<size_t>(state.thread_index());
  const auto count = static_cast<size_t>(state.range(0));
  const Requests requests(request, resident ? 1 : 2 + loop, resident ? kResidentKeys : 0);
  if (loop == 0) {
    server = std::make_unique<Server>(static_cast<size_t>(state.threads()));
    if (resident) server->Fill(/*as_records=*/true);
  }
  size_t next = 0;
  for (auto _ : state) {
    if (server->Serve(requests.Some(next, count), loop) < 5 * count) state.SkipWithError("nothing");
    next += count;
  }
  if (loop == 0) server.reset();
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_BeginLoops(benchmark::State& state) { MeasureLoops(state, Begin, /*resident=*/false); }
void BM_ReplayLoops(benchmark::State& state) { MeasureLoops(state, Begin, /*resident=*/true); }

BENCHMARK(BM_Set)->Arg(1)->Arg(16)->Arg(64);
BENCHMARK(BM_Begin)->Arg(1)->Arg(16)->Arg(64);
BENCHMARK(BM_Get)->Arg(1)->Arg(16)->Arg(64);
BENCHMARK(BM_Replay)->Arg(1)->Arg(16)->Arg(64);
BENCHMARK(BM_BeginLoops)->Arg(16)->Iterations(kRequests / 16)->ThreadRange(1, 2)->UseRealTime();
BENCHMARK(BM_ReplayLoops)->Arg(16)->Iterations(kRequests / 16)->ThreadRange(1, 2)->UseRealTime();

}  // namespace
}  // namespace idem::server
