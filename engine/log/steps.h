// The steps of a claim as one string, packed: what an unfinished record has as its value.
//
//   one step   name bytes 1 | data bytes 2 | name | data         in the order in which they were
//   made
//
// So entries, the log and snapshots keep them as they keep a response, and a record without steps
// pays nothing for them.
//
// Thread rule: pure functions.
#ifndef IDEM_LOG_STEPS_H_
#define IDEM_LOG_STEPS_H_

#include <cstddef>
#include <optional>
#include <string_view>

#include "idem/steps.h"

namespace idem::engine {

inline constexpr size_t kStepNameBytesMax = 255;
inline constexpr size_t kStepHeadBytes = 3;
// Names and data of all steps of a claim, whatever a store's options say.
inline constexpr size_t kStepBytesMax = 65'535;
inline constexpr size_t kStepsMax = 255;

// What so many steps with so many bytes in all take.
constexpr size_t PackedStepBytes(size_t steps, size_t step_bytes) {
  return steps * kStepHeadBytes + step_bytes;
}

// Goes over packed steps, one by one.
class StepReader {
 public:
  explicit StepReader(std::string_view packed) : rest_(packed) {}

  // False: there is no further one.
  bool Next(Step& step);

 private:
  std::string_view rest_;
};

// Whether these are steps as they are packed here, one or more.
bool AreSteps(std::string_view packed);

struct StepTotals {
  size_t steps = 0;
  size_t bytes = 0;       // of names and data
  size_t data_bytes = 0;  // of the data alone
};
StepTotals TotalsOf(std::string_view packed);
std::optional<Step> FindStep(std::string_view packed, std::string_view name);

// Writes one more step at `to`; returns its end.
char* PackStep(const Step& step, char* to);

}  // namespace idem::engine

#endif  // IDEM_LOG_STEPS_H_
