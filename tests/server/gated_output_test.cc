// When bytes may leave: against a list of (bytes, lsn) pairs, at random and at the corners.
#include "server/gated_output.h"

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/test_size.h"

namespace idem::server {
namespace {

void Append(GatedOutput& output, std::string_view bytes, Lsn lsn) {
  output.buffer()->Append(bytes);
  output.Seal(lsn);
}

TEST(GatedOutput, UngatedBytesLeaveAtOnce) {
  BufferPool pool;
  GatedOutput output(&pool);
  EXPECT_TRUE(output.empty());
  Append(output, "a", 0);
  EXPECT_EQ(output.Releasable(0), "a");
  output.Sent(1);
  EXPECT_TRUE(output.empty());
}

TEST(GatedOutput, BytesThatAreNotSealedStay) {
  BufferPool pool;
  GatedOutput output(&pool);
  Append(output, "a", 0);
  output.buffer()->Append("half");
  EXPECT_EQ(output.Releasable(99), "a");
}

TEST(GatedOutput, AGateHoldsWhatComesBehindIt) {
  BufferPool pool;
  GatedOutput output(&pool);
  Append(output, "a", 5);
  Append(output, "b", 0);
  Append(output, "c", 3);
  Append(output, "d", 6);
  EXPECT_EQ(output.Releasable(4), "");
  EXPECT_TRUE(output.has_gates());
  EXPECT_EQ(output.Releasable(5), "abc");
  output.Sent(2);
  EXPECT_EQ(output.Releasable(5), "c");
  EXPECT_EQ(output.Releasable(6), "cd");
  EXPECT_FALSE(output.has_gates());
}

TEST(GatedOutput, DiscardForgetsAll) {
  BufferPool pool;
  GatedOutput output(&pool);
  Append(output, "a", 5);
  output.Discard();
  EXPECT_TRUE(output.empty());
  EXPECT_FALSE(output.has_gates());
  EXPECT_EQ(output.Releasable(9), "");
}

TEST(GatedOutput, AgreesWithAListOfAnswers) {
  const char* const given = std::getenv("IDEM_SEED");
  const uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : 11;
  SCOPED_TRACE("replay with IDEM_SEED=" + std::to_string(seed));
  std::mt19937_64 random(seed);
  struct Answer {
    std::string bytes;
    Lsn lsn;
  };
  BufferPool pool;
  GatedOutput output(&pool);
  std::vector<Answer> waiting;
  std::string free, released;
  Lsn committed = 0;
  Lsn appended = 0;
  const int64_t steps = TestSize(200'000);
  for (int64_t step = 0; step < steps; ++step) {
    if (random() % 2 == 0) {
      const std::string bytes(1 + random() % (random() % 100 == 0 ? 200'000 : 20),
                              static_cast<char>('a' + step % 26));
      const Lsn lsn = random() % 3 == 0 ? random() % (appended + 1) : ++appended;
      waiting.push_back({bytes, lsn});
      Append(output, bytes, lsn);
    }
    if (random() % 4 == 0) committed += random() % (appended - committed + 1);
    while (!waiting.empty() && waiting.front().lsn <= committed) {
      free += waiting.front().bytes;
      waiting.erase(waiting.begin());
    }
    ASSERT_EQ(output.Releasable(committed), free);
    const size_t sent = free.empty() ? 0 : random() % (free.size() + 1);
    output.Sent(sent);
    free.erase(0, sent);
  }
}

}  // namespace
}  // namespace idem::server
