// The part of the state machine that decides about steps, and about what FORGET BODY leaves.
#include "base/check.h"
#include "base/seeded_bug.h"
#include "log/steps.h"
#include "store/transition.h"

namespace idem::engine {
namespace {

Change Exceeds(const char* limit, Reply& reply) {
  reply.error = limit;
  return Answer(reply, Outcome::kInvalid);
}

}  // namespace

Change MakeStep(const Image& entry, const Request& request, const Moment& moment, Image& next,
                Reply& reply) {
  if (entry.state != State::kInProgress) return Answer(reply, Outcome::kConflict);
  if (const std::optional<Step> made = FindStep(entry.value, request.step)) {
    // Its answer may have been lost; the first data stays.
    return Answer(reply, made->data == request.value ? Outcome::kOk : Outcome::kConflict);
  }
  const StepTotals totals = TotalsOf(entry.value);
  if (totals.steps >= moment.policy->max_steps) {
    return Exceeds("the claim has made as many steps as max_steps allows", reply);
  }
  const size_t bytes = totals.bytes + request.step.size() + request.value.size();
  if (bytes > moment.policy->max_step_bytes) {
    return Exceeds("the steps of the claim would be larger than max_step_bytes in all", reply);
  }
  next = entry;
  next.step_made = !IDEM_BUG(step_not_told);
  return Change::kInstallSteps;
}

Change ForgetBody(const Image& entry, const Request& request, const Moment& moment, Image& next,
                  Reply& reply) {
  IDEM_CHECK(request.body);
  if (entry.finished()) {
    if (entry.value.empty()) return Answer(reply, Outcome::kOk);
    next = entry;
    OmitValue(entry.value, *moment.secret, next);
    return Change::kInstall;
  }
  if (TotalsOf(entry.value).data_bytes == 0) return Answer(reply, Outcome::kOk);
  next = entry;
  return Change::kInstallSteps;
}

size_t StepBytesAfter(const Image& next, const Request& request) {
  if (request.op != Op::kStep) return next.value.size() - TotalsOf(next.value).data_bytes;
  return next.value.size() + PackedStepBytes(1, request.step.size() + request.value.size());
}

void WriteStepsAfter(const Image& next, const Request& request, char* to) {
  const bool keeps_data = request.op == Op::kStep;
  StepReader reader(next.value);
  for (Step step; reader.Next(step);) {
    to = PackStep({step.name, keeps_data ? step.data : std::string_view()}, to);
  }
  if (request.op == Op::kStep) PackStep({request.step, request.value}, to);
}

}  // namespace idem::engine
