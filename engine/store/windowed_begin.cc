// Store::Begin for a WindowedKey. No two windows side by side have a record, ever: a window is
// claimed for the first time in one transaction with a look at both of its neighbours. So there is
// at most one record that a request can belong to, and it is found in its own window or beside it.
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "idem/store.h"
#include "store/begin_request.h"
#include "store/core.h"

namespace idem {
namespace {

enum Window : size_t { kBefore, kAfter, kOwn, kWindows };  // the order in which they are looked at

using Keys = std::array<std::string, kWindows>;

// What all its keys begin with.
std::string BeginOf(const WindowedKey& key) {
  return key.scope.empty() ? "" : std::string(key.scope) + ":";
}

Keys KeysOf(const WindowedKey& key) {
  const int64_t window = key.issued_unix_ms / key.window_ms;
  const auto of = [&key, begin = BeginOf(key)](int64_t number) {
    return absl::StrCat(begin, absl::Hex(key.request.high, absl::kZeroPad16),
                        absl::Hex(key.request.low, absl::kZeroPad16), ":", number);
  };
  return {of(window - 1), of(window + 1), of(window)};
}

const char* WhyInvalid(const WindowedKey& key, int64_t retention_ms) {
  if (key.request.kind == Fingerprint::Kind::kNone) return "a windowed key needs a fingerprint";
  if (key.issued_unix_ms < 1) return "time of issue must be positive milliseconds since 1970";
  if (key.window_ms < 1) return "window must be 1 ms or more";
  if (key.window_ms > (retention_ms - 1) / 2) return "two windows must be shorter than retention";
  return nullptr;
}

// What it would find was issued less than two windows before it. So if that may be forgotten by
// now, the guard says so.
int64_t GuardedIssue(const WindowedKey& key) {
  return std::max<int64_t>(1, key.issued_unix_ms - 2 * key.window_ms);
}

// A look for a register finds nothing, or fails on a record, and then nothing of it all happens.
Request LookAt(std::string_view key) {
  Request look;
  look.op = Op::kGet;
  look.kind = Kind::kRegister;
  look.key = key;
  return look;
}

// The window whose record stands in the way of a first claim; its own: none does.
Window Found(std::span<const Reply, kWindows> replies) {
  for (const Window window : {kBefore, kAfter}) {
    if (replies[window].outcome == Outcome::kWrongKind) return window;
  }
  return kOwn;
}

// `call` executes requests all or none. The reply is that of the Begin, under `stands`; its LSN
// covers the looks, too.
template <typename Call>
absl::Status BeginWith(const engine::Core& core, const Call& call, const WindowedKey& key,
                       Request begin, std::string& stands, Reply& reply) {
  const Policy& policy = core.PolicyOf(BeginOf(key));
  const int64_t retention_ms = begin.retention_ms.value_or(policy.default_retention_ms);
  if (const char* why = WhyInvalid(key, retention_ms)) return absl::InvalidArgumentError(why);
  const Keys keys = KeysOf(key);
  begin.op = Op::kBegin;
  begin.fingerprint = key.request;
  begin.issued_unix_ms = GuardedIssue(key);
  for (;;) {
    begin.key = keys[kOwn];
    begin.condition = Condition::kAlways;
    const std::array<Request, kWindows> all = {LookAt(keys[kBefore]), LookAt(keys[kAfter]), begin};
    std::array<Reply, kWindows> replies;
    absl::Status called = call(all, replies);
    if (!called.ok()) return called;
    const Window found = Found(replies);
    stands = keys[found];
    if (found == kOwn) {
      for (const Window look : {kBefore, kAfter}) {
        replies[kOwn].lsn = std::max(replies[kOwn].lsn, replies[look].lsn);
      }
      reply = std::move(replies[kOwn]);
      return absl::OkStatus();
    }

    begin.key = stands;
    begin.condition = Condition::kIfPresent;
    called = call(std::span<const Request>(&begin, 1), std::span<Reply>(&reply, 1));
    if (!called.ok() || reply.outcome != Outcome::kNotMet) return called;
    // Forgotten since: once more.
  }
}

}  // namespace

absl::StatusOr<Answer> Store::Begin(const WindowedKey& key, const BeginOptions& options) {
  BeginOptions used = options;
  used.wait_ms = 0;
  used.nowait = false;
  const auto call = [this](std::span<const Request> requests, std::span<Reply> replies) {
    return core_->CallTogether(requests, replies);
  };
  std::string stands;
  Reply reply;
  absl::Status called = BeginWith(*core_, call, key, BeginRequest({}, {}, used), stands, reply);
  if (!called.ok()) return called;
  return AnswerOf(stands, reply);
}

absl::Status Store::ExecuteWindowed(const WindowedKey& key, const Request& begin,
                                    std::string& stands, Reply& reply) {
  const auto call = [this](std::span<const Request> requests, std::span<Reply> replies) {
    return Transact(requests, replies, CommitBy::kCaller)
               ? absl::OkStatus()
               : absl::CancelledError("the backlog is full");
  };
  return BeginWith(*core_, call, key, begin, stands, reply);
}

}  // namespace idem
