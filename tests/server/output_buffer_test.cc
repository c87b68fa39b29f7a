// Buffers keep what is appended, and lend their memory to each other.
#include "server/output_buffer.h"

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace idem::server {
namespace {

TEST(OutputBuffer, KeepsWhatIsAppendedWhileItGrows) {
  BufferPool pool;
  OutputBuffer buffer(&pool);
  std::string expected;
  for (size_t i = 0; i < 3000; ++i) {
    const std::string piece(i % 97, static_cast<char>('a' + i % 26));
    buffer.Append(piece);
    expected += piece;
    char* const room = buffer.Room(3);
    std::memcpy(room, "xyz", 3);
    buffer.AppendTo(room + 2);  // less than there is room for
    expected += "xy";
  }
  EXPECT_EQ(buffer.view(), expected);
  buffer.DropFront(1000);
  EXPECT_EQ(buffer.view(), std::string_view(expected).substr(1000));
}

TEST(OutputBuffer, NeedsNoPool) {
  OutputBuffer buffer;
  buffer.Append(std::string(10'000, 'a'));
  buffer.Append("b");
  EXPECT_EQ(buffer.size(), 10'001u);
  buffer.Clear();
  buffer.Append("c");
  EXPECT_EQ(buffer.view(), "c");
}

TEST(OutputBuffer, HoldsNoMemoryWhenCleared) {
  BufferPool pool;
  OutputBuffer buffer(&pool);
  EXPECT_EQ(pool.kept_bytes(), 0u);
  buffer.Append("a");
  EXPECT_EQ(pool.kept_bytes(), 0u);
  buffer.Clear();
  EXPECT_EQ(buffer.size(), 0u);
  EXPECT_GT(pool.kept_bytes(), 0u);
}

TEST(OutputBuffer, TheNextOneGetsTheMemoryOfTheLast) {
  BufferPool pool;
  OutputBuffer first(&pool), second(&pool);
  first.Append("a");
  first.Append(std::string(20'000, 'a'));
  const void* const memory = first.view().data();
  first.Clear();
  second.Append("b");
  EXPECT_EQ(static_cast<const void*>(second.view().data()), memory);
  EXPECT_EQ(second.view(), "b");
  EXPECT_EQ(pool.kept_bytes(), 4096u) << "what the first one grew out of";
}

TEST(BufferPool, KeepsNoUnusuallyLargeBlockAndNotManyOthers) {
  BufferPool pool;
  Block large;
  pool.Lend(1 << 20, large);
  pool.TakeBack(std::move(large));
  EXPECT_EQ(pool.kept_bytes(), 0u);
  std::vector<Block> blocks;
  for (int i = 0; i < 1000; ++i) pool.Lend(60'000, blocks.emplace_back());
  for (Block& block : blocks) pool.TakeBack(std::move(block));
  EXPECT_LE(pool.kept_bytes(), 4u << 20);
  EXPECT_GT(pool.kept_bytes(), 3u << 20);
}

}  // namespace
}  // namespace idem::server
