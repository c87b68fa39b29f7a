#include "tests/support/history.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/support/random_requests.h"
#include "tests/support/text.h"

namespace idem::engine {
namespace {

// Whose it is: a key's attempt, or one change of a register.
std::tuple<std::string, uint64_t> HolderOf(const Event& event) {
  const bool put = event.request.op == Op::kPut;
  return {std::string(event.request.key), put ? event.invoked : event.told->attempt};
}

std::string WrongHolder(const History& history) {
  std::map<Token, std::tuple<std::string, uint64_t>> holders;
  for (const Event& event : history) {
    const bool claimed = event.told.has_value() && event.told->outcome == Outcome::kClaimed;
    if (!claimed && !GaveToken(event)) continue;
    const auto [at, fresh] = holders.emplace(event.told->token, HolderOf(event));
    if (fresh || at->second == HolderOf(event)) continue;
    return absl::StrCat("a token was given twice: ", Text(event), ", before to ",
                        std::get<0>(at->second));
  }
  return "";
}

}  // namespace

Reply Briefly(Reply reply) {
  Reply brief;
  brief.outcome = reply.outcome == Outcome::kAbsent ? Outcome::kOk : reply.outcome;
  switch (brief.outcome) {
    case Outcome::kClaimed:
      brief.token = reply.token;
      brief.attempt = reply.attempt;
      brief.lease_ms = reply.lease_ms;
      brief.response = std::move(reply.response);  // the steps
      break;
    case Outcome::kReplay:
      brief.state = reply.state;
      brief.code = reply.code;
      brief.value_omitted = reply.value_omitted;
      brief.value_bytes = reply.value_bytes;
      brief.age_ms = reply.age_ms;
      brief.ttl_ms = reply.ttl_ms;
      brief.response = std::move(reply.response);
      break;
    case Outcome::kBusy:
      brief.busy_reason = reply.busy_reason;
      brief.retry_after_ms = reply.retry_after_ms;
      brief.attempt = reply.attempt;
      brief.age_ms = reply.age_ms;
      break;
    case Outcome::kMismatch:
      brief.state = reply.state;
      break;
    default:
      break;
  }
  return brief;
}

bool GaveToken(const Event& event) {
  if (event.kind != Event::Kind::kCall || !event.told.has_value()) return false;
  if (event.request.op == Op::kPut) return event.told->changed;
  return event.told->outcome == Outcome::kClaimed && event.request.owner.empty();
}

// Of two calls one after the other, whatever their keys, the later one has the higher token.
std::string WrongTokens(const History& history) {
  if (std::string wrong = WrongHolder(history); !wrong.empty()) return wrong;
  std::vector<const Event*> by_start, by_end;
  for (const Event& event : history) {
    if (GaveToken(event)) by_start.push_back(&event);
  }
  by_end = by_start;
  std::ranges::sort(by_start, {}, &Event::invoked);
  std::ranges::sort(by_end, {}, &Event::returned);
  const Event* highest = nullptr;
  auto ended = by_end.begin();
  for (const Event* const event : by_start) {
    for (; ended != by_end.end() && (*ended)->returned < event->invoked; ++ended) {
      if (highest == nullptr || highest->told->token < (*ended)->told->token) highest = *ended;
    }
    if (highest == nullptr || highest->told->token < event->told->token) continue;
    return absl::StrCat("a token does not rise: ", Text(*event), "\n  after ", Text(*highest));
  }
  return "";
}

std::string Text(const Event& event) {
  const std::string returned = event.returned == Event::kNever ? "" : absl::StrCat(event.returned);
  const std::string head = absl::StrCat("[", event.invoked, " .. ", returned, "] ");
  switch (event.kind) {
    case Event::Kind::kTime:
      return absl::StrCat(head, "now=", event.now_ms);
    case Event::Kind::kReopen:
      return absl::StrCat(head, "REOPENED now=", event.now_ms);
    case Event::Kind::kCall:
      break;
  }
  const std::string told = !event.told.has_value() ? "no answer"
                           : event.briefly
                               ? absl::StrCat("briefly ", Text(event.request.op, *event.told))
                               : Text(event.request.op, *event.told);
  return absl::StrCat(head, "thread ", event.thread, " ", std::string(event.request.key), " ",
                      Text(event.request), " -> ", told);
}

}  // namespace idem::engine
