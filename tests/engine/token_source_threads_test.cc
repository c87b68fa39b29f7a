// Tokens from many threads while ranges are added: each once, none from between the ranges, and
// rising for each thread.
#include <barrier>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "store/token_source.h"

namespace idem::engine {
namespace {

constexpr int kThreads = 4;
constexpr Token kRanges = 2000;
constexpr Token kStep = 1000;  // from one range to the next
constexpr Token kRangeTokens = 16;

void TakeAll(TokenSource* tokens, std::barrier<>* start, std::vector<Token>* taken) {
  start->arrive_and_wait();
  while (taken->empty() || taken->back() < (kRanges - 1) * kStep) {
    const Token token = tokens->Next();
    token == 0 ? std::this_thread::yield() : taken->push_back(token);
  }
}

TEST(TokenSourceThreadsTest, EachTokenOnceAndFromItsRange) {
  TokenSource tokens({.first = kStep, .limit = kStep + kRangeTokens});
  std::vector<std::vector<Token>> taken(kThreads + 1);
  std::vector<std::thread> threads;
  std::barrier<> start(kThreads + 1);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back(TakeAll, &tokens, &start, &taken[static_cast<size_t>(i)]);
  }
  start.arrive_and_wait();
  for (Token range = 2; range < kRanges; ++range) {
    // Every other range is refilled before it is used up.
    for (Token left = range % 2 == 0 ? kRangeTokens : 3; left > 0; --left) {
      if (const Token token = tokens.Next()) taken[kThreads].push_back(token);
    }
    // The last one has enough that every thread comes to see it.
    const bool last = range == kRanges - 1;
    tokens.Refill({.first = range * kStep, .limit = range * kStep + (last ? kStep : kRangeTokens)});
  }
  for (std::thread& thread : threads) thread.join();

  std::set<Token> all;
  for (const std::vector<Token>& mine : taken) {
    Token last = 0;
    for (const Token token : mine) {
      EXPECT_GT(token, last);
      EXPECT_TRUE(all.insert(token).second) << token;
      const bool in_last = token >= (kRanges - 1) * kStep;
      EXPECT_TRUE(in_last || token % kStep < kRangeTokens) << token;
      last = token;
    }
  }
}

}  // namespace
}  // namespace idem::engine
