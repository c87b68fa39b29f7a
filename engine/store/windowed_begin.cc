// Store::Begin for a WindowedKey. No two windows side by side have a record, ever: a window is
// claimed for the first time in one transaction with a look at both of its neighbours. So there is
// at most one record that a request can belong to, and it is found in its own window or beside it.
#include <algorithm>
#include <array>
#include <span>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "idem/store.h"
#include "store/begin_request.h"
#include "store/core.h"

namespace idem {
namespace {

enum Window : size_t { kBefore, kAfter, kOwn, kWindows };  // the order in which they are looked at

using Keys = std::array<std::string, kWindows>;

Keys KeysOf(const WindowedKey& key) {
  const int64_t window = key.issued_unix_ms / key.window_ms;
  const auto of = [&key](int64_t number) {
    return absl::StrCat(absl::Hex(key.request.high, absl::kZeroPad16),
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

}  // namespace

absl::StatusOr<Answer> Store::Begin(const WindowedKey& key, const BeginOptions& options) {
  const int64_t retention_ms = options.retention_ms.value_or(core_->policy().default_retention_ms);
  if (const char* why = WhyInvalid(key, retention_ms)) return absl::InvalidArgumentError(why);
  const Keys keys = KeysOf(key);
  BeginOptions guarded = options;
  guarded.issued_unix_ms = GuardedIssue(key);
  guarded.wait_ms = 0;
  guarded.nowait = false;
  for (;;) {
    const std::array<Request, kWindows> all = {LookAt(keys[kBefore]), LookAt(keys[kAfter]),
                                               BeginRequest(keys[kOwn], key.request, guarded)};
    std::array<Reply, kWindows> replies;
    absl::Status called = core_->CallTogether(all, replies);
    if (!called.ok()) return called;
    const Window found = Found(replies);
    if (found == kOwn) return AnswerOf(keys[kOwn], replies[kOwn]);

    Request begin = BeginRequest(keys[found], key.request, guarded);
    begin.condition = Condition::kIfPresent;
    Reply reply;
    called = core_->Call({&begin, 1}, {&reply, 1});
    if (!called.ok()) return called;
    if (reply.outcome != Outcome::kNotMet) return AnswerOf(keys[found], reply);
    // Forgotten since: once more.
  }
}

}  // namespace idem
