// Packing of steps: round trips, and everything that is no packing.
#include "log/steps.h"

#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

namespace idem::engine {
namespace {

std::string Pack(const std::vector<Step>& steps) {
  std::string packed;
  for (const Step& step : steps) {
    const size_t end = packed.size();
    packed.resize(end + PackedStepBytes(1, step.name.size() + step.data.size()));
    EXPECT_EQ(PackStep(step, packed.data() + end), packed.data() + packed.size());
  }
  return packed;
}

TEST(StepsTest, WhatIsPackedIsUnpacked) {
  const std::string name(kStepNameBytesMax, 'n'), data(kStepBytesMax - 1, 'd');
  const std::vector<std::vector<Step>> all = {{{"charge", "receipt"}},
                                              {{"a", ""}},
                                              {{"a", ""}, {"b", "x"}, {"c", ""}},
                                              {{name, "x"}, {"b", name}},
                                              {{"n", data}}};
  for (const std::vector<Step>& steps : all) {
    const std::string packed = Pack(steps);
    EXPECT_TRUE(AreSteps(packed));
    EXPECT_EQ(UnpackSteps(packed), steps);
    const StepTotals totals = TotalsOf(packed);
    EXPECT_EQ(totals.steps, steps.size());
    EXPECT_EQ(PackedStepBytes(totals.steps, totals.bytes), packed.size());
    for (const Step& step : steps) EXPECT_EQ(FindStep(packed, step.name), step);
    EXPECT_EQ(FindStep(packed, "none"), std::nullopt);
  }
}

TEST(StepsTest, TheBytesAreThose) {
  EXPECT_EQ(Pack({{"mail", "to ann"}, {"x", ""}}),
            std::string_view("\x04\x06\0mailto ann\x01\0\0x", 17));
}

TEST(StepsTest, NoPrefixAndNoLongerStringIsOne) {
  const std::string packed = Pack({{"charge", "receipt"}, {"mail", ""}});
  const size_t first = packed.size() - kStepHeadBytes - 4;
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_EQ(AreSteps(std::string_view(packed).substr(0, size)), size == first) << size;
  }
  EXPECT_FALSE(AreSteps(packed + 'x'));
  EXPECT_FALSE(AreSteps(packed + std::string(kStepHeadBytes, '\0'))) << "a step without a name";
}

TEST(StepsTest, MoreThanAClaimMayHaveIsNone) {
  std::string packed;
  for (size_t i = 0; i < kStepsMax; ++i) packed += Pack({{"a", ""}});
  EXPECT_TRUE(AreSteps(packed));
  EXPECT_FALSE(AreSteps(packed + Pack({{"a", ""}})));
  const std::string data(kStepBytesMax - 1, 'd');
  EXPECT_FALSE(AreSteps(Pack({{"a", data}, {"b", ""}})));
}

}  // namespace
}  // namespace idem::engine
