// The operations a load is made of: for each, the requests it sends and what must come back.
//
// An operation is one or two rounds on one key, or on sixteen that differ in the last digit. The
// second is sent when the first is answered; the operation has succeeded when all its answers were
// the right ones, to the byte.
//
//   set         SET key owner NX EX: a claim as Redis users write it
//   set-pair    the same, then SET key response PX: claim and completion
//   set-until   SET response PXAT: all of them expire at one instant
//   overwrite   SET response PX of a key that exists: everything stays as it is, but for the log
//   get         GET of a key that set-pair has stored
//   begin       IDEM.BEGIN of a fresh key
//   pair        IDEM.BEGIN, IDEM.COMPLETE
//   replay      IDEM.BEGIN of a key that pair has completed
//   busy        IDEM.BEGIN of a key that begin has claimed
//   lua-begin, lua-pair, lua-replay
//               the same three by the usual idempotency scripts, for a server that has EVALSHA
//   set-again   set of a key that set has stored: it is refused
//   seen        IDEM.SEEN of a fresh id
//   seen-again  IDEM.SEEN of an id that seen has marked
//   mseen       IDEM.MSEEN of sixteen fresh ids; lua-mseen: SET NX EX of each in a script
//   seq         IDEM.SEQ of the next number; each connection is a producer; lua-seq: the usual
//               script, which keeps the highest number
//   producer    IDEM.SEQ of a fresh producer's first number; lua-producer by that script
//   ping        PING: the least that any server can do
#ifndef IDEM_BENCH_LOAD_OPERATION_H_
#define IDEM_BENCH_LOAD_OPERATION_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "bench/key_space.h"
#include "bench/load/resp_reply.h"

namespace idem::bench {

struct Operation;

// One operation on its way.
struct Exchange {
  const Operation* operation = nullptr;
  Key key{};
  size_t round = 0;
  int64_t number = 0;  // the token that BEGIN gave; of a producer, counted from 0
  int64_t start_ns = 0;
};

// A request with holes.
class RequestTemplate {
 public:
  enum class Hole { kKey, kKeys, kFingerprint, kOwner, kResponse, kNumber };
  using Argument = std::variant<const char*, std::string, Hole>;

  RequestTemplate(std::initializer_list<Argument> arguments);
  void AppendTo(std::string* out, const Exchange& exchange, const ResponseShape& shape) const;

 private:
  struct Piece {
    std::string before;  // RESP up to the hole, its header too unless its length is unknown
    Hole hole;
  };
  std::vector<Piece> pieces_;
  std::string rest_;
};

struct Round {
  RequestTemplate request;
  bool (*is_right)(const RespReply& reply, const ResponseShape& shape, Exchange* exchange);
};

enum class Keys : uint8_t {
  kFresh,
  kResident,        // one of them, chosen evenly
  kOfTheConnection  // always the same
};

struct Operation {
  Keys keys;
  std::vector<Round> rounds;
};

// The scripts that lua-* need, by the names under which MakeOperations wants their SHA-1.
const std::map<std::string, std::string>& Scripts();

// All operations by name; those in Lua are of use only if `shas` has their scripts. The retention
// is that of plain responses, the instant that of set-until; IDEM.BEGIN takes the server's default.
std::map<std::string, Operation> MakeOperations(const std::map<std::string, std::string>& shas,
                                                int64_t retention_ms, int64_t expire_at_unix_ms);

}  // namespace idem::bench

#endif  // IDEM_BENCH_LOAD_OPERATION_H_
