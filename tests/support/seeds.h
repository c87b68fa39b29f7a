// Randomised tests: the same run for seed 1, 2, 3 .. Whatever stops a run, a failed expectation or
// a failed IDEM_CHECK, the seed is printed. IDEM_SEED=n runs that one alone.
#ifndef IDEM_TESTS_SUPPORT_SEEDS_H_
#define IDEM_TESTS_SUPPORT_SEEDS_H_

#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

namespace idem {

inline std::atomic<uint64_t> running_seed{0};
// What a replay needs beside the seed: " NAME=value".
inline char replay_more[64] = "";

// `run` is called with each seed, until one fails.
template <typename Run>
void RunSeeds(int64_t count, Run&& run) {
  std::signal(SIGABRT, [](int) {
    std::fprintf(stderr, "replay with IDEM_SEED=%llu%s\n",
                 static_cast<unsigned long long>(running_seed.load()), replay_more);
  });
  const char* const only = std::getenv("IDEM_SEED");
  const uint64_t first = only == nullptr ? 1 : std::strtoull(only, nullptr, 10);
  const uint64_t last = only == nullptr ? static_cast<uint64_t>(count) : first;
  for (uint64_t seed = first; seed <= last && !testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("replay with IDEM_SEED=" + std::to_string(seed));
    running_seed = seed;
    run(seed);
  }
  std::signal(SIGABRT, SIG_DFL);
}

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_SEEDS_H_
