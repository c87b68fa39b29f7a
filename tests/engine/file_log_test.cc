#include "log/file_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/test_log.h"

namespace idem::engine {
namespace {

using StepKind = Store::StepKind;

TEST(FileLogTest, KeepsWhatWasCommittedOverAPowerCut) {
  TestLog test;
  ASSERT_TRUE(test.Open().ok());
  EXPECT_TRUE(test.opened->created);
  EXPECT_EQ(test.AppendSome(), 1u);
  EXPECT_EQ(test.AppendSome(), 2u);
  EXPECT_EQ(test.log->committed(), 0u);
  EXPECT_TRUE(test.Commit());
  EXPECT_EQ(test.log->committed(), 2u);
  EXPECT_EQ(test.log->synced(), 2u);
  test.AppendSome();
  test.PowerCut();
  ASSERT_TRUE(test.Open().ok());
  EXPECT_FALSE(test.opened->created);
  test.appended.erase(3);
  EXPECT_EQ(test.recovered, test.appended);
  EXPECT_EQ(test.log->committed(), 2u);
  EXPECT_EQ(test.log->stats().records_recovered, 2u);
}

}  // namespace
}  // namespace idem::engine
