// What a store must answer, said as simply as can be: a map of entries of each kind, one thread,
// a clock that is told the time. No log, no hash, no wheel, no limits on memory; what has expired
// is passed over, and is there again should an open begin at an earlier moment.
//
// Some things a model cannot know. It takes them from the store's own reply: fresh tokens, and, if
// it is told that memory may be short, whether a new entry was refused or a response dropped. To a
// token that does not rise it answers as a store must that has no better one: unavailable.
//
// A copy is independent; nothing but the return values tells of a difference. So a search may try
// many orders of the same calls (linearizability.h).
#ifndef IDEM_TESTS_SUPPORT_MODEL_H_
#define IDEM_TESTS_SUPPORT_MODEL_H_

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "idem/options.h"
#include "idem/request.h"

namespace idem::engine {

class Model {
 public:
  // Reads the defaults, the grace and the limit on responses.
  explicit Model(const Options& options);

  // Store time and wall time of what follows.
  void SetTime(int64_t now_ms, int64_t wall_ms);
  int64_t now_ms() const { return now_ms_; }
  int64_t wall_ms() const { return wall_ms_; }
  // The store was closed and is open again at `now_ms`: the restart grace begins. Store time is
  // boot time and `offset_ms`.
  void Reopen(int64_t now_ms, int64_t offset_ms = 0);
  int64_t offset_ms() const { return offset_ms_; }
  void MemoryMayBeShort() { memory_may_be_short_ = true; }

  // What the reply to `request` must be; `told` is what it was.
  Reply Answer(const Request& request, const Reply& told);
  // The same for Store::Transact. Where it must do nothing, only the reply that is the reason is
  // given; the others have kOk and say nothing.
  std::vector<Reply> AnswerTogether(std::span<const Request> requests, std::span<const Reply> told);

  // Every living key; those only that are there without a break since `since` births.
  std::set<std::string> Keys(uint64_t since = std::numeric_limits<uint64_t>::max());
  uint64_t births() const { return births_; }
  bool Has(std::string_view key) { return Find(key) != nullptr; }
  Token last_token() const { return last_token_; }
  // All that decides what will be answered for `key`, but the time.
  std::string StateOf(const std::string& key) const;
  // The store went back to this state, but its tokens go on.
  void KeepTokensAfter(Token last) { last_token_ = std::max(last_token_, last); }

  // For those who choose what to try next; 0 where there is none.
  Token TokenOf(const std::string& key) const;
  // Epoch and next number of a producer.
  std::pair<uint32_t, uint64_t> ProducerOf(const std::string& key) const;
  // When something turns for this key: a lease, a pause or a life ends.
  std::vector<int64_t> TurnsOf(const std::string& key) const;

 private:
  struct Record {
    State state = State::kInProgress;
    Token token = 0;
    uint32_t attempt = 0;
    Fingerprint fingerprint;
    std::string owner;
    bool hold = false;
    int64_t since_ms = 0;  // of the claim, the finish or the failure
    int64_t until_ms = 0;  // end of the lease or of the pause
    int64_t retention_ms = 0;
    uint16_t code = 0;
    std::vector<std::pair<std::string, std::string>> steps;  // name and data
    std::string response;                                    // as the finisher sent it
    bool omitted = false;
    bool may_be_omitted = false;  // memory was short: the next reply tells
  };
  struct Register {
    Token version = 0;
    std::string value;
  };
  struct SeenId {
    std::optional<int64_t> capped_ms;  // refreshes count no longer than until then
  };
  struct Producer {
    uint32_t epoch = 0;
    std::set<uint64_t> came;  // all numbers
  };
  struct Entry {
    std::variant<Record, Register, SeenId, Producer> what;
    std::optional<int64_t> forget_ms = std::nullopt;
    uint64_t born = 0;
  };

  static Reply Plain(Outcome outcome);
  static Reply Changed(Outcome outcome, State state);

  const char* WhyInvalid(const Request& request) const;
  Entry* Find(std::string_view key);
  Reply Dispatch(const Request& request, Entry* entry, const Reply& told);

  Reply Begin(const Request& request, Entry* entry, const Reply& told);
  Reply Await(const Request& request, Entry* entry, const Reply& told);
  Reply Claim(const Request& request, Entry* entry, const Reply& told);
  Reply RenewClaim(const Request& request, Entry& entry);
  Reply Busy(const Record& record, Busy::Reason reason, int64_t until_ms) const;
  Reply Settle(const Request& request, Entry* entry, const Reply& told);
  Reply Extend(const Request& request, Entry& entry);
  Reply MakeStep(const Request& request, Record& record, const Reply& told);
  static std::string Packed(const Record& record);
  static Response ResponseOf(std::string_view bytes);
  Reply Finish(const Request& request, Entry& entry, State state);
  Reply FailForRetry(Entry& entry, int64_t after_ms);
  Reply Resolve(const Request& request, Entry* entry, const Reply& told);
  Reply RemoveRecord(const Request& request, Entry& entry, const Reply& told);
  Reply ForgetBody(Record& record, const Reply& told);
  Reply Get(const Request& request, Entry* entry, const Reply& told);
  void Describe(const Entry& entry, bool with_value, Reply& reply) const;

  Reply Put(const Request& request, const Entry* entry, const Reply& told);
  Reply SetDeadline(const Request& request, Entry* entry);
  Reply RemoveRegister(const Request& request, const Entry& entry);
  static bool Holds(const Request& request, const Entry* entry);
  std::optional<int64_t> NewDeadline(const Request& request) const;
  static bool DeadlineHolds(const Request& request, const Entry& entry, int64_t new_ms);

  Reply Seen(const Request& request, Entry* entry, const Reply& told);
  Reply Seq(const Request& request, Entry* entry, const Reply& told);
  static uint64_t NextOf(const Producer& producer);

  static Kind KindOf(const Entry& entry);
  int64_t LeaseEnd(const Record& record) const;
  void SetResponse(std::string_view response, Record& record) const;
  void Install(std::string_view key, Entry entry);
  void Forget(std::string_view key);
  Token TakeToken(const Reply& told);
  bool Expired(const Entry& entry) const {
    return entry.forget_ms.has_value() && *entry.forget_ms <= now_ms_;
  }
  bool Refused(const Reply& told) const;

  int64_t default_lease_ms_;
  int64_t default_retention_ms_;
  int64_t grace_ms_;
  uint64_t response_bytes_max_;
  size_t steps_max_;
  size_t step_bytes_max_;
  bool memory_may_be_short_ = false;
  int64_t now_ms_ = 0;
  int64_t wall_ms_ = 0;
  int64_t opened_ms_ = 0;
  int64_t offset_ms_ = 0;
  Token last_token_ = 0;
  bool token_fell_ = false;  // in this call
  uint64_t births_ = 0;
  std::map<std::string, Entry, std::less<>> entries_;
};

// Whether both say the same to a caller; `op` is what was asked.
bool SaysTheSame(Op op, const Reply& one, const Reply& other);

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_MODEL_H_
