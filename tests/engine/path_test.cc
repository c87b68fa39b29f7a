#include "base/path.h"

#include "gtest/gtest.h"

namespace idem::engine {
namespace {

TEST(PathTest, ParentDirectory) {
  EXPECT_EQ(ParentDirectory("/a/b/c"), "/a/b");
  EXPECT_EQ(ParentDirectory("a/b"), "a");
  EXPECT_EQ(ParentDirectory("a//b//"), "a");
  EXPECT_EQ(ParentDirectory("a"), ".");
  EXPECT_EQ(ParentDirectory("/a"), "/");
  EXPECT_EQ(ParentDirectory("//a"), "/");
  EXPECT_EQ(ParentDirectory("/"), "/");
  EXPECT_EQ(ParentDirectory("."), ".");
  EXPECT_EQ(ParentDirectory(""), ".");
}

TEST(PathTest, FileName) {
  EXPECT_EQ(FileName("/a/b/c"), "c");
  EXPECT_EQ(FileName("a/b//"), "b");
  EXPECT_EQ(FileName("a"), "a");
  EXPECT_EQ(FileName("/"), "");
  EXPECT_EQ(FileName(""), "");
}

}  // namespace
}  // namespace idem::engine
