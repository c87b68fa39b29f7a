// Reads and writes of plain keys that happen all at once or not at all: what INCR, GETEX, the known
// scripts and EXEC are made of.
//
//             Look, Put, ..            Commit
//   store ──────────────► entries_ ──────────────► store   one Store::Transact, under the condition
//           each key once,         writes, guards          that every version is still the one seen
//           with its version
//
// Reads remember which version they saw, writes are kept here and seen by later reads. If somebody
// was faster Commit says so and nothing has happened: begin again with a new Transaction. Each such
// conflict is somebody else's success, so there is always progress.
//
// What holds: no write is lost, and none is made on the grounds of a value that has changed. A
// transaction that only reads sees all keys as of one moment. One that writes, too, may see a key
// that it only reads as of the moment before its writes; Watch it if that matters.
//
// Records are seen (kind, time to live), never changed. A deadline that is set counts as a write.
//
// Ownership: keys are the caller's and must stay; written values are copied.
// Thread rule: none; lives within one command.
#ifndef IDEM_SERVER_TRANSACTION_H_
#define IDEM_SERVER_TRANSACTION_H_

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "idem/store.h"
#include "server/command.h"
#include "server/command_queue.h"

namespace idem::server {

class Transaction {
 public:
  static constexpr size_t kKeys = 64;  // what the store changes at once
  static constexpr int64_t kNoDeadline = -1;

  // A key as it would be if everything up to here had happened.
  struct Entry {
    std::string_view key;
    Kind kind = Kind::kAny;  // kAny: there is none
    std::string_view value;  // a register's; valid until the transaction ends
    int64_t ttl_ms = kNoDeadline;

    bool absent() const { return kind == Kind::kAny; }
    bool is_plain() const { return absent() || kind == Kind::kRegister; }
    bool Holds(std::string_view expected) const {
      return kind == Kind::kRegister && value == expected;
    }

   private:
    friend class Transaction;
    Token seen = 0;                // version or token as of the first look; 0: there was none
    int64_t seen_deadline_ms = 0;  // as of then; 0: none
    int64_t deadline_ms = 0;       // as it would be
    bool watched = false;
    bool written = false;
    bool deadline_set = false;
  };

  enum class Result : uint8_t {
    kDone,
    kConflict,     // somebody was faster; nothing changed
    kBacklogFull,  // the log has no room just now; nothing changed
    kError,        // error() says why; nothing changed
  };

  // All happens at `now_ms` of boot time.
  Transaction(Store& store, int64_t now_ms) : store_(store), now_ms_(now_ms) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Valid until the next call. After a failure, a key too many, say, all keys look absent.
  const Entry& Look(std::string_view key);
  // These take plain keys and absent ones. Put without a time to live ends any that there was.
  void Put(std::string_view key, std::string_view value, int64_t ttl_ms = kNoDeadline);
  void PutKeepingDeadline(std::string_view key, std::string_view value);
  void SetTtl(std::string_view key, int64_t ttl_ms);
  void Remove(std::string_view key);

  // Answers as the store would; `value` is what the reply's response would be. Requests on records
  // that would change something answer kWrongKind.
  Reply Ask(const Request& request, std::string_view* value);

  // Commit only while the key is as it was, with the same deadline. False: it is not, even now.
  // The key must outlive the transaction.
  bool Watch(const WatchedKey& watched);

  // Back to an earlier moment of this transaction, since when no other key was looked at.
  std::vector<Entry> Mark() const { return entries_; }
  void Undo(const std::vector<Entry>& mark) { entries_ = mark; }

  // Once, at the end.
  Result Commit();
  // What was told may leave when this is committed.
  Lsn lsn() const { return lsn_; }
  size_t changes() const { return changes_; }
  const std::string& error() const { return error_; }

 private:
  Entry& Find(std::string_view key);
  void Load(Entry& entry);
  void Write(Entry& entry, std::string_view value, int64_t deadline_ms);
  void SetDeadline(Entry& entry, int64_t deadline_ms);
  static void Remove(Entry& entry);
  int64_t DeadlineAfter(int64_t ttl_ms) const {
    return ttl_ms == kNoDeadline ? 0 : now_ms_ + ttl_ms;
  }
  int64_t DeadlineOf(const Request& request) const;
  Outcome AskPut(Entry& entry, const Request& request);
  Outcome AskSetDeadline(Entry& entry, const Request& request);
  Outcome AskRemove(Entry& entry, const Request& request);

  std::vector<Request> RequestsToCommit() const;
  Result CommitReads();
  Result ResultOf(const Request& request, const Reply& reply);

  Store& store_;
  const int64_t now_ms_;
  std::vector<Entry> entries_;
  std::deque<Response> read_;
  std::deque<std::string> made_;
  Lsn lsn_ = 0;
  size_t changes_ = 0;
  bool backlog_full_ = false;
  std::string error_;
};

// Calls `attempt` until it is not beaten by somebody faster, and returns its result. After its
// first defeat it has the other transactions of this server wait, so that a long one is not beaten
// for ever by many short ones. Plain commands do not wait.
Transaction::Result UntilNotBeaten(ServerContext& server,
                                   absl::FunctionRef<Transaction::Result()> attempt);

// Runs `body` until it is not beaten, then gives its answer; within EXEC as a part of that.
// `body` may run several times: it keeps nothing between.
using TransactionBody = absl::FunctionRef<void(Transaction&, RespWriter&)>;
void RunTransaction(Call& call, RespWriter& out, TransactionBody body);

}  // namespace idem::server

#endif  // IDEM_SERVER_TRANSACTION_H_
