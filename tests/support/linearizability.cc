#include "tests/support/linearizability.h"

#include <algorithm>
#include <bitset>
#include <memory>
#include <set>
#include <span>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "tests/support/model.h"

namespace idem::engine {
namespace {

constexpr size_t kEventsMax = 512;
using Done = std::bitset<kEventsMax>;

bool MayChange(const Event& event) { return event.request.op != Op::kGet; }

// Whether the call may have changed something, as far as its caller can tell.
bool MayHaveChanged(const Event& event) {
  if (!event.told.has_value()) return MayChange(event);
  if (!event.briefly) return event.told->changed;
  return event.told->outcome == Outcome::kOk || event.told->outcome == Outcome::kClaimed;
}

// Whether this is the answer that the caller had.
bool Explains(const Event& event, Reply wanted) {
  if (event.briefly) wanted = Briefly(std::move(wanted));
  return wanted.outcome == event.told->outcome &&
         SaysTheSame(event.request.op, wanted, *event.told);
}

// How far an order has come.
struct Place {
  Done done = {};
  size_t first = 0;      // event that may not be done
  int life = 0;          // of the store
  int guesses_left = 0;  // calls without an answer that may still take effect
};

// The search for one key's order.
class OneKey {
 public:
  OneKey(std::string key, const History& history, Verdict* verdict);

  bool HasOrder(const Model& model);
  std::string WhatIsWrong() const;

 private:
  std::vector<size_t> MayBeNext(const Place& place) const;
  bool Search(Place place, const Model& model);
  bool TryNext(size_t next, Place place, const Model& model);
  bool TryCall(const Event& event, const Place& place, const Model& model);
  bool PutWhatChangesNothing(std::span<const size_t> next, Place& place, const Model& model);
  bool TryUnanswered(const Event& event, Place place, const Model& model);
  std::set<Token> TokensThatMayBe(const Model& model) const;

  const std::string key_;
  std::vector<const Event*> events_;  // as they were invoked
  int unanswered_ = 0;
  std::set<Token> unclaimed_;  // tokens that were seen, while nobody was told that he got them
  std::unordered_set<std::string> tried_;
  Done furthest_;
  Verdict* const verdict_;
};

OneKey::OneKey(std::string key, const History& history, Verdict* verdict)
    : key_(std::move(key)), verdict_(verdict) {
  std::set<Token> given = {0};
  for (const Event& event : history) {
    if (event.kind == Event::Kind::kCall && event.request.key != key_) continue;
    events_.push_back(&event);
    unanswered_ += event.kind == Event::Kind::kCall && !event.told.has_value() ? 1 : 0;
    if (event.told.has_value()) unclaimed_.insert(event.told->token);
    if (GaveToken(event)) given.insert(event.told->token);
  }
  std::erase_if(unclaimed_, [&given](Token token) { return given.contains(token); });
  IDEM_CHECK(events_.size() <= kEventsMax);
  std::ranges::sort(events_, {}, [](const Event* event) { return event->invoked; });
}

// First with none of the calls that had no answer, then with one more and one more: they could be
// anywhere, and few of them matter.
bool OneKey::HasOrder(const Model& model) {
  for (int guesses = 0; guesses <= unanswered_; ++guesses) {
    tried_.clear();
    if (Search({.guesses_left = guesses}, model)) return true;
  }
  return false;
}

// Those that were made before any other call was answered that is not done yet; those first that
// were answered first, which is the order more often than not.
std::vector<size_t> OneKey::MayBeNext(const Place& place) const {
  uint64_t first_return = Event::kNever;
  std::vector<size_t> next;
  for (size_t i = place.first; i < events_.size() && events_[i]->invoked < first_return; ++i) {
    if (place.done[i] || events_[i]->life < place.life) continue;
    next.push_back(i);
    first_return = std::min(first_return, events_[i]->returned);
  }
  std::erase_if(next, [&](size_t i) { return events_[i]->invoked > first_return; });
  std::ranges::sort(next, {}, [this](size_t i) { return events_[i]->returned; });
  return next;
}

bool OneKey::Search(Place place, const Model& model) {
  if (place.done.count() > furthest_.count()) furthest_ = place.done;
  size_t& first = place.first;
  while (first < events_.size() && (place.done[first] || events_[first]->life < place.life)) {
    ++first;
  }
  const std::vector<size_t> next = MayBeNext(place);
  const bool all_answered = std::ranges::none_of(
      next, [this](size_t i) { return events_[i]->returned != Event::kNever; });
  if (all_answered) return true;
  if (next.size() > 1 && PutWhatChangesNothing(next, place, model)) return Search(place, model);
  if (next.size() > 1) {
    ++verdict_->concurrent;
    std::string where(reinterpret_cast<const char*>(&place.done), sizeof(place.done));
    absl::StrAppend(&where, place.guesses_left, ";", model.StateOf(key_));
    if (!tried_.insert(std::move(where)).second) return false;
  }
  return std::ranges::any_of(next, [&](size_t i) { return TryNext(i, place, model); });
}

bool OneKey::TryNext(size_t next, Place place, const Model& model) {
  ++verdict_->tried;
  const Event& event = *events_[next];
  place.done.set(next);
  if (event.kind == Event::Kind::kCall) {
    return event.told.has_value() ? TryCall(event, place, model)
                                  : TryUnanswered(event, place, model);
  }
  Model later = model;
  later.SetTime(event.now_ms, event.wall_ms);
  if (event.kind == Event::Kind::kReopen) {
    later.Reopen(event.now_ms);
    ++place.life;
  }
  return Search(place, later);
}

bool OneKey::TryCall(const Event& event, const Place& place, const Model& model) {
  Model later = model;
  return Explains(event, later.Answer(event.request, *event.told)) && Search(place, later);
}

// What was answered just so here, and has changed nothing, may stand here: any order in which it
// stands later is as good without it.
bool OneKey::PutWhatChangesNothing(std::span<const size_t> next, Place& place, const Model& model) {
  Model same = model;
  bool any = false;
  for (const size_t i : next) {
    const Event& event = *events_[i];
    if (event.kind != Event::Kind::kCall || MayHaveChanged(event)) continue;
    ++verdict_->tried;
    Reply wanted = same.Answer(event.request, *event.told);
    if (wanted.changed || wanted.outcome == Outcome::kUnavailable) {  // a token that does not rise
      same = model;
    } else if (Explains(event, std::move(wanted))) {
      place.done.set(i);
      any = true;
    }
  }
  return any;
}

// Its answer is not known, and neither is the token that it may have taken. Where it changes
// nothing, it need not have happened.
bool OneKey::TryUnanswered(const Event& event, Place place, const Model& model) {
  if (place.guesses_left == 0 || !MayChange(event)) return false;
  --place.guesses_left;
  for (const Token token : TokensThatMayBe(model)) {
    Reply any;
    any.token = token;
    Model later = model;
    if (later.Answer(event.request, any).changed && Search(place, later)) return true;
  }
  return false;
}

// One that is seen later, or one that nobody ever saw.
std::set<Token> OneKey::TokensThatMayBe(const Model& model) const {
  std::set<Token> tokens(unclaimed_.upper_bound(model.last_token()), unclaimed_.end());
  Token unseen = model.last_token() + 1;
  while (tokens.contains(unseen)) ++unseen;
  tokens.insert(unseen);
  return tokens;
}

std::string OneKey::WhatIsWrong() const {
  std::string text = absl::StrCat("no order explains the answers for key '", key_,
                                  "'; + were put in one, - could not follow:\n");
  for (size_t i = 0; i < events_.size(); ++i) {
    absl::StrAppend(&text, furthest_[i] ? "  + " : "  - ", Text(*events_[i]), "\n");
  }
  return text;
}

}  // namespace

Verdict Linearize(const Options& options, int64_t opened_ms, const History& history) {
  std::set<std::string> keys;
  for (const Event& event : history) {
    if (event.kind == Event::Kind::kCall) keys.emplace(event.request.key);
  }
  Model model(options);
  model.Reopen(opened_ms);
  Verdict verdict;
  for (const std::string& key : keys) {
    OneKey one(key, history, &verdict);
    if (one.HasOrder(model)) continue;
    verdict.wrong = one.WhatIsWrong();
    break;
  }
  return verdict;
}

}  // namespace idem::engine
