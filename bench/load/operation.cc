#include "bench/load/operation.h"

#include "absl/strings/str_cat.h"

namespace idem::bench {
namespace {

using Hole = RequestTemplate::Hole;

constexpr const char* kLeaseMs = "30000";
constexpr const char* kRetentionSeconds = "86400";
// Fingerprint and owner are the first and the last bytes of the key.
constexpr size_t kFingerprintBytes = 16;
constexpr size_t kOwnerBytes = 12;
// Of a key that has become sixteen.
constexpr std::string_view kLastDigits = "0123456789abcdef";

// KEYS: the idempotency key. ARGV: fingerprint, owner, lease.
constexpr const char* kBeginScript = R"(
local found = redis.call('HMGET', KEYS[1], 'fingerprint', 'state', 'response')
if not found[1] then
  redis.call('HSET', KEYS[1], 'fingerprint', ARGV[1], 'state', 'running', 'owner', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return {'CLAIMED'}
end
if found[1] ~= ARGV[1] then return {'MISMATCH'} end
if found[2] == 'completed' then return {'REPLAY', found[3]} end
return {'BUSY'}
)";

// KEYS: the idempotency key. ARGV: owner, response, retention.
constexpr const char* kCompleteScript = R"(
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[1] then return redis.error_reply('FENCED') end
redis.call('HSET', KEYS[1], 'state', 'completed', 'response', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return redis.status_reply('OK')
)";

// KEYS: ids. ARGV: retention. 1 for each that is new, 0 for the others.
constexpr const char* kMSeenScript = R"(
local new = {}
for i, id in ipairs(KEYS) do
  new[i] = redis.call('SET', id, '1', 'NX', 'PX', ARGV[1]) and 1 or 0
end
return new
)";

// KEYS: the producer. ARGV: number, retention.
constexpr const char* kSeqScript = R"(
local highest = tonumber(redis.call('GET', KEYS[1]) or -1)
local number = tonumber(ARGV[1])
if number <= highest then return {'DUPLICATE'} end
if number > highest + 1 then return {'GAP', highest + 1} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'NEW'}
)";

std::string Header(size_t bytes) { return absl::StrCat("$", bytes, "\r\n"); }

// What stands before a hole.
std::string HeaderOf(Hole hole) {
  switch (hole) {
    case Hole::kKey:
      return Header(kKeyBytes);
    case Hole::kFingerprint:
      return Header(kFingerprintBytes);
    case Hole::kOwner:
      return Header(kOwnerBytes);
    case Hole::kKeys:
    case Hole::kResponse:
    case Hole::kNumber:
      return "";
  }
  return "";
}

std::string Bulk(std::string_view text) {
  return absl::StrCat("$", text.size(), "\r\n", absl::string_view(text.data(), text.size()),
                      "\r\n");
}

void AppendKeys(std::string_view key, std::string* out) {
  for (const char digit : kLastDigits) {
    if (digit != kLastDigits.front()) out->append("\r\n");
    out->append(Header(kKeyBytes)).append(key.substr(0, kKeyBytes - 1)).push_back(digit);
  }
}

bool IsOk(const RespReply& reply, const ResponseShape&, Exchange*) { return reply.Is('+', "OK"); }

bool IsPong(const RespReply& reply, const ResponseShape&, Exchange*) {
  return reply.Is('+', "PONG");
}

bool IsResponse(const RespReply& reply, const ResponseShape& shape, Exchange* exchange) {
  return reply.head().type == '$' && shape.Matches(exchange->key, reply.head().text);
}

bool IsClaimed(const RespReply& reply, const ResponseShape&, Exchange* exchange) {
  if (!reply.BeginsWith("CLAIMED") || reply.count < 4) return false;
  exchange->number = reply.items[2].integer;
  return exchange->number > 0 && reply.items[3].integer == 1;
}

bool IsReplay(const RespReply& reply, const ResponseShape& shape, Exchange* exchange) {
  return reply.BeginsWith("REPLAY") && reply.count == 7 && reply.items[2].text == "completed" &&
         shape.Matches(exchange->key, reply.items[4].text);
}

bool IsBusy(const RespReply& reply, const ResponseShape&, Exchange*) {
  return reply.BeginsWith("BUSY") && reply.count == 6 && reply.items[2].text == "running";
}

bool IsLuaClaimed(const RespReply& reply, const ResponseShape&, Exchange*) {
  return reply.BeginsWith("CLAIMED") && reply.count == 2;
}

bool IsLuaReplay(const RespReply& reply, const ResponseShape& shape, Exchange* exchange) {
  return reply.BeginsWith("REPLAY") && reply.count == 3 &&
         shape.Matches(exchange->key, reply.items[2].text);
}

bool IsNil(const RespReply& reply, const ResponseShape&, Exchange*) {
  return reply.head().type == '_';
}

bool IsFirstTime(const RespReply& reply, const ResponseShape&, Exchange*) {
  return reply.head().type == ':' && reply.head().integer == 1;
}

bool IsNotFirstTime(const RespReply& reply, const ResponseShape&, Exchange*) {
  return reply.head().type == ':' && reply.head().integer == 0;
}

bool IsFirstTimeOfAll(const RespReply& reply, const ResponseShape&, Exchange*) {
  bool first = reply.head().type == '*' && reply.head().integer == int64_t{kLastDigits.size()};
  for (size_t i = 1; i < RespReply::kMaxItems; ++i) first &= reply.items[i].integer == 1;
  return first;
}

bool IsNewNumber(const RespReply& reply, const ResponseShape&, Exchange*) {
  return reply.BeginsWith("NEW") && reply.count == 2;
}

std::string ShaOf(const std::map<std::string, std::string>& shas, const std::string& name) {
  const auto found = shas.find(name);
  return found == shas.end() ? "" : found->second;
}

}  // namespace

RequestTemplate::RequestTemplate(std::initializer_list<Argument> arguments) {
  size_t count = arguments.size();
  for (const Argument& argument : arguments) {
    if (argument == Argument(Hole::kKeys)) count += kLastDigits.size() - 1;
  }
  rest_ = absl::StrCat("*", count, "\r\n");
  for (const Argument& argument : arguments) {
    if (const auto* hole = std::get_if<Hole>(&argument)) {
      pieces_.push_back({rest_ + HeaderOf(*hole), *hole});
      rest_ = "\r\n";
    } else if (const auto* text = std::get_if<std::string>(&argument)) {
      rest_ += Bulk(*text);
    } else {
      rest_ += Bulk(std::get<const char*>(argument));
    }
  }
}

void RequestTemplate::AppendTo(std::string* out, const Exchange& exchange,
                               const ResponseShape& shape) const {
  const std::string_view key = View(exchange.key);
  for (const Piece& piece : pieces_) {
    out->append(piece.before);
    switch (piece.hole) {
      case Hole::kKey:
        out->append(key);
        break;
      case Hole::kKeys:
        AppendKeys(key, out);
        break;
      case Hole::kFingerprint:
        out->append(key.substr(0, kFingerprintBytes));
        break;
      case Hole::kOwner:
        out->append(key.substr(kKeyBytes - kOwnerBytes));
        break;
      case Hole::kResponse:
        absl::StrAppend(out, "$", shape.bytes(), "\r\n");
        shape.AppendTo(out, exchange.key);
        break;
      case Hole::kNumber:
        const absl::AlphaNum digits(exchange.number);
        absl::StrAppend(out, "$", digits.size(), "\r\n", digits);
        break;
    }
  }
  out->append(rest_);
}

const std::map<std::string, std::string>& Scripts() {
  static const auto* const kScripts =
      new std::map<std::string, std::string>{{"begin", kBeginScript},
                                             {"complete", kCompleteScript},
                                             {"mseen", kMSeenScript},
                                             {"seq", kSeqScript}};
  return *kScripts;
}

std::map<std::string, Operation> MakeOperations(const std::map<std::string, std::string>& shas,
                                                int64_t retention_ms, int64_t expire_at_unix_ms) {
  const std::string retention = absl::StrCat(retention_ms);
  const RequestTemplate begin = {"IDEM.BEGIN", Hole::kKey, "FP", Hole::kFingerprint};
  const RequestTemplate complete = {"IDEM.COMPLETE", Hole::kKey, Hole::kNumber, Hole::kResponse};
  const RequestTemplate set = {"SET", Hole::kKey, Hole::kOwner, "NX", "EX", kRetentionSeconds};
  const RequestTemplate set_claim = {"SET", Hole::kKey, Hole::kOwner, "NX", "PX", kLeaseMs};
  const RequestTemplate set_response = {"SET", Hole::kKey, Hole::kResponse, "PX", retention};
  const RequestTemplate set_until = {"SET", Hole::kKey, Hole::kResponse, "PXAT",
                                     absl::StrCat(expire_at_unix_ms)};
  const RequestTemplate lua_begin = {"EVALSHA",          ShaOf(shas, "begin"), "1",     Hole::kKey,
                                     Hole::kFingerprint, Hole::kOwner,         kLeaseMs};
  const RequestTemplate lua_complete = {"EVALSHA",    ShaOf(shas, "complete"), "1",      Hole::kKey,
                                        Hole::kOwner, Hole::kResponse,         retention};
  const RequestTemplate seen = {"IDEM.SEEN", Hole::kKey, "TTL", retention};
  const RequestTemplate mseen = {"IDEM.MSEEN", retention, Hole::kKeys};
  const RequestTemplate lua_mseen = {"EVALSHA", ShaOf(shas, "mseen"), "16", Hole::kKeys, retention};
  const RequestTemplate seq = {"IDEM.SEQ", Hole::kKey, "1", Hole::kNumber, "TTL", retention};
  const RequestTemplate lua_seq = {"EVALSHA",  ShaOf(shas, "seq"), "1",
                                   Hole::kKey, Hole::kNumber,      retention};
  return {
      {"ping", {Keys::kFresh, {{{"PING"}, IsPong}}}},
      {"set", {Keys::kFresh, {{set, IsOk}}}},
      {"set-pair", {Keys::kFresh, {{set_claim, IsOk}, {set_response, IsOk}}}},
      {"set-until", {Keys::kFresh, {{set_until, IsOk}}}},
      {"overwrite", {Keys::kResident, {{set_response, IsOk}}}},
      {"get", {Keys::kResident, {{{"GET", Hole::kKey}, IsResponse}}}},
      {"begin", {Keys::kFresh, {{begin, IsClaimed}}}},
      {"pair", {Keys::kFresh, {{begin, IsClaimed}, {complete, IsOk}}}},
      {"replay", {Keys::kResident, {{begin, IsReplay}}}},
      {"busy", {Keys::kResident, {{begin, IsBusy}}}},
      {"lua-begin", {Keys::kFresh, {{lua_begin, IsLuaClaimed}}}},
      {"lua-pair", {Keys::kFresh, {{lua_begin, IsLuaClaimed}, {lua_complete, IsOk}}}},
      {"lua-replay", {Keys::kResident, {{lua_begin, IsLuaReplay}}}},
      {"set-again", {Keys::kResident, {{set, IsNil}}}},
      {"seen", {Keys::kFresh, {{seen, IsFirstTime}}}},
      {"seen-again", {Keys::kResident, {{seen, IsNotFirstTime}}}},
      {"mseen", {Keys::kFresh, {{mseen, IsFirstTimeOfAll}}}},
      {"lua-mseen", {Keys::kFresh, {{lua_mseen, IsFirstTimeOfAll}}}},
      {"seq", {Keys::kOfTheConnection, {{seq, IsNewNumber}}}},
      {"lua-seq", {Keys::kOfTheConnection, {{lua_seq, IsNewNumber}}}},
      {"producer", {Keys::kFresh, {{seq, IsNewNumber}}}},
      {"lua-producer", {Keys::kFresh, {{lua_seq, IsNewNumber}}}},
  };
}

}  // namespace idem::bench
