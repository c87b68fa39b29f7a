#include "log/steps.h"

#include <cstdint>
#include <cstring>

#include "base/coding.h"

namespace idem {

std::vector<Step> UnpackSteps(std::string_view packed) {
  std::vector<Step> steps;
  engine::StepReader reader(packed);
  for (Step step; reader.Next(step);) steps.push_back(step);
  return steps;
}

namespace engine {
namespace {

char* PutBytes(std::string_view bytes, char* to) {
  if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
  return to + bytes.size();
}

}  // namespace

bool StepReader::Next(Step& step) {
  if (rest_.size() < kStepHeadBytes) return false;
  const size_t name_bytes = Load<uint8_t>(rest_.data());
  const size_t data_bytes = Load<uint16_t>(rest_.data() + sizeof(uint8_t));
  const size_t bytes = kStepHeadBytes + name_bytes + data_bytes;
  if (name_bytes == 0 || rest_.size() < bytes) return false;
  step.name = rest_.substr(kStepHeadBytes, name_bytes);
  step.data = rest_.substr(kStepHeadBytes + name_bytes, data_bytes);
  rest_.remove_prefix(bytes);
  return true;
}

StepTotals TotalsOf(std::string_view packed) {
  StepTotals totals;
  StepReader reader(packed);
  for (Step step; reader.Next(step);) {
    ++totals.steps;
    totals.bytes += step.name.size() + step.data.size();
    totals.data_bytes += step.data.size();
  }
  return totals;
}

bool AreSteps(std::string_view packed) {
  const StepTotals totals = TotalsOf(packed);
  return totals.steps >= 1 && totals.steps <= kStepsMax && totals.bytes <= kStepBytesMax &&
         PackedStepBytes(totals.steps, totals.bytes) == packed.size();
}

std::optional<Step> FindStep(std::string_view packed, std::string_view name) {
  StepReader reader(packed);
  for (Step step; reader.Next(step);) {
    if (step.name == name) return step;
  }
  return std::nullopt;
}

char* PackStep(const Step& step, char* to) {
  StoreAt(to, static_cast<uint8_t>(step.name.size()));
  StoreAt(to + sizeof(uint8_t), static_cast<uint16_t>(step.data.size()));
  return PutBytes(step.data, PutBytes(step.name, to + kStepHeadBytes));
}

}  // namespace engine
}  // namespace idem
