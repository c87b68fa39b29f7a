// Short forms of requests for tests, all for one key. What a test is about it sets itself.
#ifndef IDEM_TESTS_SUPPORT_REQUESTS_H_
#define IDEM_TESTS_SUPPORT_REQUESTS_H_

#include <cstdint>
#include <string_view>

#include "idem/request.h"

namespace idem::engine {

inline constexpr std::string_view kKey = "order-7";

inline Request Ask(Op op, std::string_view key = kKey) {
  Request request;
  request.op = op;
  request.key = key;
  return request;
}

inline Request Begin(const Fingerprint& fingerprint, std::string_view owner = {}) {
  Request request = Ask(Op::kBegin);
  request.fingerprint = fingerprint;
  request.owner = owner;
  return request;
}

inline Request Settle(Op op, Token token) {
  Request request = Ask(op);
  request.token = token;
  return request;
}

inline Request Complete(Token token, std::string_view response, uint16_t code = 0) {
  Request request = Settle(Op::kComplete, token);
  request.value = response;
  request.code = code;
  return request;
}

inline Request FailFinal(Token token, std::string_view response, uint16_t code = 0) {
  Request request = Complete(token, response, code);
  request.op = Op::kFail;
  request.final = true;
  return request;
}

inline Request FailRetry(Token token, int64_t after_ms = 0) {
  Request request = Settle(Op::kFail, token);
  request.after_ms = after_ms;
  return request;
}

inline Request Extend(Token token, int64_t lease_ms) {
  Request request = Settle(Op::kExtend, token);
  request.lease_ms = lease_ms;
  return request;
}

inline Request MakeStep(Token token, std::string_view name, std::string_view data = {}) {
  Request request = Settle(Op::kStep, token);
  request.step = name;
  request.value = data;
  return request;
}

inline Request Release(Token token) { return Settle(Op::kRelease, token); }

inline Request Resolve(Resolution resolution, std::string_view response = {}) {
  Request request = Ask(Op::kResolve);
  request.resolution = resolution;
  request.value = response;
  return request;
}

inline Request Await(const Fingerprint& fingerprint) {
  Request request = Ask(Op::kAwait);
  request.fingerprint = fingerprint;
  return request;
}

// Of a record or a register; a record that runs only goes by force.
inline Request Remove(Kind kind, bool force = false) {
  Request request = Ask(Op::kRemove);
  request.kind = kind;
  request.force = force;
  return request;
}

// The response of a record, or the data of its steps.
inline Request ForgetBodyOf(bool force = false) {
  Request request = Remove(Kind::kRecord, force);
  request.body = true;
  return request;
}

inline Request Get(Kind kind, bool want_value) {
  Request request = Ask(Op::kGet);
  request.kind = kind;
  request.want_value = want_value;
  return request;
}

// ttl_ms 0: no deadline.
inline Request Put(std::string_view value, int64_t ttl_ms = 0) {
  Request request = Ask(Op::kPut);
  request.value = value;
  request.retention_ms = ttl_ms;
  return request;
}

inline Request SetDeadline(int64_t ttl_ms) {
  Request request = Ask(Op::kSetDeadline);
  request.retention_ms = ttl_ms;
  return request;
}

inline Request Seen(int64_t ttl_ms, bool refresh = false) {
  Request request = Ask(Op::kSeen);
  request.retention_ms = ttl_ms;
  request.refresh = refresh;
  return request;
}

inline Request Seq(uint32_t epoch, uint64_t seq, uint32_t window = 0) {
  Request request = Ask(Op::kSeq);
  request.epoch = epoch;
  request.seq = seq;
  request.window = window;
  return request;
}

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_REQUESTS_H_
