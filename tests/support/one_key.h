// A store of a single key, for tests that tell the life of an entry: transitions one after the
// other, with a clock and a count of tokens. No log, no lock, no table.
#ifndef IDEM_TESTS_SUPPORT_ONE_KEY_H_
#define IDEM_TESTS_SUPPORT_ONE_KEY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "tests/support/transition_cases.h"

namespace idem::engine {

class OneKey {
 public:
  OneKey() = default;
  explicit OneKey(const Image& image) : entry(image) {}

  Reply Do(const Request& request) {
    Decision decision;
    decision.change = Transition(entry, request, moment, decision.next, decision.reply);
    if (decision.change == Change::kInstallNewToken) {
      decision.reply.token = decision.next.token = ++last_token;
    }
    if (decision.change == Change::kInstallSteps) {
      steps_ = StepsAfter(decision.next, request);
      decision.next.value = *steps_;
    }
    if (decision.change == Change::kRemove) decision.next = Image{};
    if (decision.change != Change::kNone) entry = decision.next;
    return std::move(decision.reply);
  }
  Outcome OutcomeOf(const Request& request) { return Do(request).outcome; }
  // What a call would be told; nothing changes.
  Reply Peek(const Request& request) const { return Decide(entry, request, moment).reply; }
  Outcome PeekOutcome(const Request& request) const { return Peek(request).outcome; }

  void Advance(int64_t ms) {
    moment.now_ms += ms;
    moment.wall_ms += ms;
  }
  void AdvanceTo(int64_t store_ms) { Advance(store_ms - moment.now_ms); }
  int64_t now_ms() const { return moment.now_ms; }

  Image entry;
  Moment moment = CalmMoment();
  Token last_token = kToken;

 private:
  std::shared_ptr<const std::string> steps_;  // what entry.value views, if it has steps
};

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_ONE_KEY_H_
