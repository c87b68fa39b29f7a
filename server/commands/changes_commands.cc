// IDEM.CHANGES: the change stream, as an outbox to be published elsewhere.
#include <algorithm>
#include <bit>
#include <limits>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "server/commands/families.h"
#include "server/error_texts.h"
#include "server/option_reader.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr int64_t kMaxLsn = std::numeric_limits<int64_t>::max();
constexpr int64_t kMaxCount = 1000;
constexpr int64_t kMaxBlockMs = 60'000;
constexpr std::string_view kCursorInMulti =
    "ERR IDEM.CHANGES moves no CURSOR inside a transaction; ask without one, or before it";

// As in idem/store.h.
std::string CursorKey(std::string_view name) { return absl::StrCat("idem:cursor:", Absl(name)); }

struct Asked {
  Lsn after = 0;
  ChangesOptions options;
  int64_t block_ms = 0;
};

Asked ReadArguments(const Call& call, std::string* error) {
  Asked asked;
  asked.after = static_cast<Lsn>(IntegerArgument(call, 1, "lsn", 0, kMaxLsn, error));
  OptionReader options(call, 2, error);
  while (options.Next()) {
    if (options.Is("COUNT")) {
      asked.options.count = static_cast<size_t>(options.Integer(1, kMaxCount));
    } else if (options.Is("BLOCK")) {
      asked.block_ms = options.Integer(0, kMaxBlockMs);
    } else if (options.Is("STEPS")) {
      asked.options.steps = true;
    } else if (options.Is("SEQS")) {
      asked.options.sequences = true;
    } else if (options.Is("CURSOR")) {
      asked.options.cursor = options.Value();
      if (asked.options.cursor.empty()) options.Unknown();
    } else {
      options.Unknown();
    }
  }
  return asked;
}

std::string_view WhatName(Change::What what) {
  switch (what) {
    case Change::What::kCompleted:
      return "completed";
    case Change::What::kFailed:
      return "failed_final";
    case Change::What::kStep:
      return "step";
    case Change::What::kSequence:
      return "seq";
  }
  return "";
}

void Number(uint64_t number, RespWriter& out) { out.Integer(static_cast<int64_t>(number)); }

void TellSequence(const Change& change, RespWriter& out) {
  Number(change.epoch, out);
  Number(change.expected, out);
  out.Array(static_cast<size_t>(std::popcount(change.ahead)));
  for (uint64_t ahead = change.ahead; ahead != 0; ahead &= ahead - 1) {
    Number(change.expected + 1 + static_cast<uint64_t>(std::countr_zero(ahead)), out);
  }
}

void TellChange(const Change& change, RespWriter& out) {
  const bool is_step = change.what == Change::What::kStep;
  const bool is_sequence = change.what == Change::What::kSequence;
  out.Array(is_sequence ? 6 : is_step ? 8 : 7);
  Number(change.lsn, out);
  out.Bulk(WhatName(change.what));
  out.Bulk(change.key);
  if (is_sequence) return TellSequence(change, out);
  Number(change.token, out);
  Number(change.code, out);
  if (change.response_omitted) {
    out.Null();
  } else {
    out.Bulk(change.response);
  }
  Number(change.attempt, out);
  if (is_step) out.Bulk(change.step);
}

void TellPage(const ChangePage& page, RespWriter& out) {
  out.Array(3);
  Number(page.next, out);
  Number(page.synced, out);
  out.Array(page.changes.size());
  for (const Change& change : page.changes) TellChange(change, out);
}

void TellTruncated(const Truncated& truncated, RespWriter& out) {
  out.Error(absl::StrCat("TRUNCATED ", truncated.upto,
                         " the log up to this LSN is gone, and with "
                         "it changes that this reader was not told; it can go on from there"));
}

void TellError(const absl::Status& status, const Reply& cursor, RespWriter& out) {
  if (absl::IsAborted(status)) return out.Error(ErrorText(Request{}, cursor));
  out.Error(absl::StrCat(absl::IsDataLoss(status) ? "DAMAGED " : "ERR ", status.message()));
}

// Whether the caller is to wait on: then it is asked again, for what is behind this page.
bool WaitsOn(const Asked& asked, const ChangePage& page, const Reply& cursor, Call& call) {
  if (asked.block_ms == 0 || call.transaction != nullptr) return false;
  if (!page.changes.empty() || page.next < page.synced) return false;
  Blocked& blocked = call.session.blocked;
  const int64_t now_ms = call.server.clock().BootMs();
  if (blocked.until_ms == 0) blocked = {now_ms + asked.block_ms, page.next, cursor.lsn};
  blocked.after = page.next;
  call.blocked = now_ms < blocked.until_ms;
  return call.blocked;
}

// IDEM.CHANGES lsn [COUNT n] [BLOCK ms] [CURSOR name] [STEPS] [SEQS]
void RunChanges(Call& call, RespWriter& out) {
  std::string error;
  Asked asked = ReadArguments(call, &error);
  if (!error.empty()) return out.Error(error);
  if (!asked.options.cursor.empty()) {
    if (call.transaction != nullptr) return out.Error(kCursorInMulti);
    if (!call.session.may_do_all() && !call.session.Sees(CursorKey(asked.options.cursor))) {
      return out.Error("NOPERM No permissions to access a key");
    }
  }
  Blocked& blocked = call.session.blocked;
  if (blocked.until_ms != 0) {  // asked again; its cursor was moved the first time
    asked.after = blocked.after;
    asked.options.cursor = {};
  }
  Reply cursor;
  auto answer = call.server.store->ReadChanges(asked.after, asked.options, cursor);
  call.changes += cursor.changed ? 1 : 0;
  call.backlog_full = absl::IsCancelled(answer.status());
  if (call.backlog_full) return;
  auto* const page = answer.ok() ? std::get_if<ChangePage>(&*answer) : nullptr;
  if (page != nullptr) {
    std::erase_if(page->changes,
                  [&call](const Change& change) { return !call.session.Sees(change.key); });
  }
  if (page != nullptr && WaitsOn(asked, *page, cursor, call)) return;
  call.lsn = std::max(cursor.lsn, std::exchange(blocked, {}).lsn);
  if (!answer.ok()) return TellError(answer.status(), cursor, out);
  page != nullptr ? TellPage(*page, out) : TellTruncated(std::get<Truncated>(*answer), out);
}

constexpr Command kCommands[] = {
    {"idem.changes",
     -2,
     kWrite,
     {},
     nullptr,
     nullptr,
     RunChanges,
     "idem",
     "0.1.0",
     "lsn [COUNT number] [BLOCK milliseconds] [CURSOR name] [STEPS] [SEQS]",
     "Tells what was finished behind a position of the log, in its order"},
};

}  // namespace

std::span<const Command> ChangesCommands() { return kCommands; }

}  // namespace idem::server
