// The public face of dedup without claims.
#include <utility>

#include "idem/store.h"
#include "store/core.h"
#include "store/reply_status.h"

namespace idem {
namespace {

// A register in a reply; none: version 0.
Versioned VersionedFrom(Reply& reply) {
  if (reply.kind == Kind::kAny) return {};
  return {reply.token, reply.ttl_ms, std::move(reply.response)};
}

Request SeenRequest(std::string_view id, const SeenOptions& options) {
  Request request;
  request.op = Op::kSeen;
  request.key = id;
  request.retention_ms = options.ttl_ms;
  request.refresh = options.refresh;
  request.cap_ms = options.cap_ms;
  return request;
}

absl::StatusOr<bool> FirstTime(const Reply& reply) {
  if (reply.outcome == Outcome::kNew) return true;
  if (reply.outcome == Outcome::kDuplicate) return false;
  return engine::StatusOf(reply);
}

}  // namespace

absl::StatusOr<bool> Store::Seen(std::string_view id, const SeenOptions& options) {
  const Request request = SeenRequest(id, options);
  Reply reply;
  const absl::Status called = core_->Call({&request, 1}, {&reply, 1});
  return called.ok() ? FirstTime(reply) : called;
}

void Store::SeenMany(std::span<const std::string_view> ids, const SeenOptions& options,
                     std::span<absl::StatusOr<bool>> first) {
  core_->CallMany(
      ids.size(), [&](size_t i) { return SeenRequest(ids[i], options); },
      [&](size_t i, const absl::Status& called, const Reply& reply) {
        first[i] = called.ok() ? FirstTime(reply) : called;
      });
}

absl::StatusOr<SeqAnswer> Store::Seq(std::string_view producer, uint32_t epoch, uint64_t seq,
                                     const SeqOptions& options) {
  Request request;
  request.op = Op::kSeq;
  request.key = producer;
  request.epoch = epoch;
  request.seq = seq;
  request.window = options.window;
  request.retention_ms = options.ttl_ms;
  Reply reply;
  const absl::Status called = core_->Call({&request, 1}, {&reply, 1});
  if (!called.ok()) return called;
  using Told = SeqAnswer::Outcome;
  switch (reply.outcome) {
    case Outcome::kNew:
      return SeqAnswer{Told::kNew, reply.epoch, reply.seq};
    case Outcome::kDuplicate:
      return SeqAnswer{Told::kDuplicate, reply.epoch, reply.seq};
    case Outcome::kGap:
      return SeqAnswer{Told::kGap, reply.epoch, reply.seq};
    case Outcome::kStaleEpoch:
      return SeqAnswer{Told::kFenced, reply.epoch, reply.seq};
    default:
      return engine::StatusOf(reply);
  }
}

absl::StatusOr<SeqPosition> Store::ReadSeq(std::string_view producer) {
  Request request;
  request.kind = Kind::kSequence;
  request.key = producer;
  Reply reply;
  const absl::Status called = core_->Call({&request, 1}, {&reply, 1});
  if (!called.ok()) return called;
  if (reply.outcome == Outcome::kAbsent) return SeqPosition{};
  if (reply.outcome != Outcome::kOk) return engine::StatusOf(reply);
  return SeqPosition{reply.epoch, reply.seq, reply.ttl_ms};
}

absl::StatusOr<CasAnswer> Store::Cas(std::string_view key, Token expected, std::string_view value,
                                     const CasOptions& options) {
  Request request;
  request.op = Op::kPut;
  request.key = key;
  request.value = value;
  request.condition = Condition::kIfVersion;
  request.expected_version = expected;
  request.retention_ms = options.ttl_ms;
  request.want_value = true;
  Reply reply;
  const absl::Status called = core_->Call({&request, 1}, {&reply, 1});
  if (!called.ok()) return called;
  if (reply.outcome == Outcome::kNotMet) return CasAnswer{false, VersionedFrom(reply)};
  if (reply.outcome != Outcome::kOk) return engine::StatusOf(reply);
  const int64_t ttl_ms = options.ttl_ms.value_or(0);
  return CasAnswer{true, {reply.token, ttl_ms == 0 ? -1 : ttl_ms, {}}};
}

absl::StatusOr<Versioned> Store::ReadVersion(std::string_view key) {
  Request request;
  request.kind = Kind::kRegister;
  request.key = key;
  request.want_value = true;
  Reply reply;
  const absl::Status called = core_->Call({&request, 1}, {&reply, 1});
  if (!called.ok()) return called;
  const absl::Status status = engine::StatusOf(reply);
  if (!status.ok()) return status;
  return VersionedFrom(reply);
}

}  // namespace idem
