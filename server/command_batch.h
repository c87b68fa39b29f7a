// Commands of one pipeline, planned one by one and executed together, so that the store can fetch
// the memory of many keys at once.
//
//   Add, Add, Add ──► Execute ──► read [0, executed) ──► Clear
//
// Serves one connection at a time and belongs to an event loop: its room is used again and again.
// The arguments are views; what they point to must stay until Clear.
//
// Thread rule: none; one per event loop.
#ifndef IDEM_SERVER_COMMAND_BATCH_H_
#define IDEM_SERVER_COMMAND_BATCH_H_

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "idem/store.h"
#include "server/command.h"

namespace idem::server {

class CommandBatch {
 public:
  explicit CommandBatch(const ServerOptions& options);
  CommandBatch(const CommandBatch&) = delete;
  CommandBatch& operator=(const CommandBatch&) = delete;

  // Plans a command whose bytes begin at `offset` of the input.
  void Add(const Call& call, size_t offset);
  // A command that only answers this error.
  void AddError(std::string error, size_t offset);
  bool empty() const { return planned_.empty(); }
  size_t size() const { return planned_.size(); }
  size_t requests() const { return requests_.size(); }
  // Enough is planned: a batch this large keeps its replies in the cache and, with the largest
  // responses, its answers within kAnswerBytes.
  bool full() const {
    return requests_.size() >= requests_max_ || planned_.size() >= kPlannedMax || last_may_wait();
  }
  // The last command may have to wait for its answer: Execute leaves it to ExecuteLast.
  bool last_may_wait() const { return !planned_.empty() && planned_.back().may_wait; }

  // Returns how many commands were executed, in order: fewer than all when the log's backlog is
  // full. The others did nothing. What they changed is for the caller to have committed.
  // `store` may be null if all of them only answer errors.
  size_t Execute(Store* store);
  // The last one, once all before it were executed: `told` is called if it waits, as `id`.
  Store::Waiting ExecuteLast(Store& store, WaitId& id, const Store::WaitListener& told);
  // How many changes were made since TakeChanges was last called.
  size_t changes() const { return changes_; }
  void AddChanges(size_t count) { changes_ += count; }  // made without a batch
  size_t TakeChanges() { return std::exchange(changes_, 0); }

  // Null for one that only answers an error.
  const Command* command(size_t i) const { return planned_[i].command; }
  // The whole answer of such a one.
  std::string_view error(size_t i) const { return errors_[planned_[i].error]; }
  size_t offset(size_t i) const { return planned_[i].offset; }
  Told told(size_t i) const {
    const Planned& planned = planned_[i];
    const size_t count = planned.end - planned.begin;
    return {{requests_.data() + planned.begin, count}, {replies_.data() + planned.begin, count}};
  }

  // Has one of the commands [first, end) changed something? All were executed.
  bool HasChanged(size_t first, size_t end) const;

  void Clear();

  static constexpr size_t kAnswerBytes = 64 << 20;
  static constexpr size_t kPlannedMax = 64;

 private:
  struct Planned {
    const Command* command;
    size_t offset;
    size_t begin;  // of its requests
    size_t end;
    bool atomic;
    bool may_wait;
    size_t error;  // in errors_, if there is no command
  };

  size_t EndOfRun(size_t first) const;
  size_t ExecuteRun(size_t first, size_t end, Store* store);

  size_t requests_max_;
  std::vector<Planned> planned_;
  std::vector<Request> requests_;
  std::vector<std::string> errors_;
  std::vector<Reply> replies_;  // as many as ever were asked for: each is set anew by the store
  size_t changes_ = 0;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMAND_BATCH_H_
