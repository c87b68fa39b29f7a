// What clients know of a store that crashes: what they were told, and so what must be true.
//
// Every change gets the next LSN, so what was told is a list of changes, and a store that was
// recovered up to LSN n must show what the first n of them make, no more and no less. n itself
// may be anything from what must have survived to what was appended.
//
// The headline is asked for as a client would: who begins a key whose finish must be there gets
// that finish, until its retention is over.
//
// Time is the time in which the store was open. The store may have counted less of it (what was
// after the last durable record), never more.
//
// Thread rule: none. Copyable, so that one past can have many futures.
#ifndef IDEM_TESTS_SUPPORT_STORE_ORACLE_H_
#define IDEM_TESTS_SUPPORT_STORE_ORACLE_H_

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "idem/options.h"
#include "idem/request.h"
#include "idem/store.h"

namespace idem {

class StoreOracle {
 public:
  // Records first, then registers, seen ids and producers.
  static constexpr int kKeys = 30;
  static constexpr bool IsRegister(int key) { return key >= 18 && key < 24; }
  static constexpr bool IsSeenId(int key) { return key >= 24 && key < 27; }
  static constexpr bool IsProducer(int key) { return key >= 27; }
  static const std::string& KeyOf(int key);
  // Values are one letter, many times.
  struct Value {
    uint32_t bytes = 0;
    char letter = 'a';
    std::string text() const { return std::string(bytes, letter); }
    friend bool operator==(const Value&, const Value&) = default;
  };
  struct Call {
    int key;
    Request request;
    Value value;
  };
  enum class Death { kPowerCut, kKill };

  explicit StoreOracle(const Options& options);

  // Of this future, where the clock is another one.
  void SetClock(const Clock* clock) { clock_ = clock; }

  // What the clients were answered, in the order of the calls of one Execute or one Transact.
  void Told(std::span<const Call> calls, std::span<const Reply> replies, bool together);
  // Positions at which answers may have left.
  void SawPositions(const Store& store);
  // The store is gone.
  void Died(Death death);
  // The store is open again: judges everything it shows. False: it is wrong, and a test has failed.
  bool Opened(Store& store);

  Token TokenOf(int key) const { return LastOf(key) == nullptr ? 0 : LastOf(key)->token; }
  // Where a producer stands.
  struct Position {
    uint32_t epoch = 0;
    uint64_t next = 0;
  };
  Position PositionOf(int key) const {
    return LastOf(key) == nullptr ? Position{} : LastOf(key)->position;
  }
  size_t changes() const { return changes_.size(); }

 private:
  struct Change {
    int key = 0;
    bool last_of_append = true;
    bool there = true;  // false: it was a removal
    State state = State::kAbsent;
    Token token = 0;
    uint32_t attempt = 0;
    Value value;
    Position position;
    bool omitted = false;  // the value was forgotten
    std::vector<std::pair<std::string, Value>> steps;
    int64_t at_ms = 0;
    int64_t busy_until_ms = 0;  // the end of a lease or a pause
    int64_t retention_ms = 0;
    int64_t known_until_ms = 0;  // remembered until here, or longer
  };
  static constexpr int64_t kNeverMs = int64_t{1} << 60;

  int64_t NowMs() const;
  const Change* LastOf(int key) const;
  Lsn LsnOf(const Change& change) const { return static_cast<Lsn>(&change - changes_.data()) + 1; }
  void TellOne(const Call& call, const Reply& reply);
  void CheckToken(const Call& call, const Reply& reply);
  void CheckDedup(const Call& call, const Reply& reply) const;
  void CheckTakeover(const Call& call, const Reply& reply);
  Change ChangeBy(const Call& call, const Reply& reply) const;
  static void ForgetBody(Change& change);
  void CheckValue(const Change& change, const Reply& reply) const;
  static void CheckSteps(const Change& change, const Reply& reply);
  void CheckShown(Store& store, int key) const;
  void CheckReplayed(Store& store, int key) const;

  const Clock* clock_;
  int64_t grace_ms_;
  int64_t retention_ms_;
  bool always_;
  std::vector<Change> changes_;  // by LSN - 1
  Token last_token_ = 0;
  Lsn recovered_ = 0;  // by the last open
  Lsn committed_ = 0;
  Lsn synced_ = 0;
  Lsn must_have_ = 0;
  int64_t open_ms_ = 0;  // of all lives that are over
  int64_t life_ms_ = 0;  // of those before this one
  int64_t opened_boot_ms_ = -1;
};

}  // namespace idem

#endif  // IDEM_TESTS_SUPPORT_STORE_ORACLE_H_
