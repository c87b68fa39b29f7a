// A store and a model of it, given the same calls: every reply is compared, and now and then
// everything they hold. Time is a fake clock's, the disk is in memory, background work is stepped.
// Stops at the first difference and prints the calls that led to it, those on its key only.
#ifndef IDEM_TESTS_SUPPORT_STORE_BESIDE_MODEL_H_
#define IDEM_TESTS_SUPPORT_STORE_BESIDE_MODEL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "idem/clock.h"
#include "idem/memory_file_system.h"
#include "idem/store.h"
#include "tests/support/model.h"
#include "tests/support/random_requests.h"

namespace idem::engine {

class StoreBesideModel {
 public:
  // Opens a new store. Of `options` it sets clock, file system and background.
  StoreBesideModel(uint64_t seed, const Traffic& traffic, Options options);

  // Random batches, time steps and expiry. False after the first difference.
  bool Run(int64_t operations);
  void Execute(std::span<const Request> requests);
  void Transact(std::span<const Request> requests);
  // Everything held, by Scan with `count` entries a call.
  void CompareAll(size_t count);
  // Everything with a near deadline expires and is freed.
  void LetAllExpire();

  enum class End {
    kClosed,             // all is left
    kKilled,             // after all was committed
    kKilledUncommitted,  // some calls later than that; what is left is a prefix of them
  };
  // Ends the store, lets time pass without it, and opens it again.
  void Restart(End end);

  Store& store() { return *store_; }
  Model& model() { return model_; }
  // Of the stores that were ended.
  uint64_t snapshots() const { return snapshots_; }
  int64_t Count(Outcome outcome) const { return outcomes_[static_cast<size_t>(outcome)]; }

 private:
  struct LastChange {
    Lsn lsn = 0;
    bool removed = false;
  };

  void Open();
  void PassTime();
  void SetModelTime();
  // At most `count` random calls; returns how many.
  int64_t ExecuteSome(int64_t count);
  int64_t TransactSome(int64_t count);
  void Check(const Request& request, const Reply& wanted, const Reply& told);
  void CheckLsn(const Request& request, const Reply& told);
  void ScanOneStep();
  void StepSome();
  void CommitAll();
  void KillStore();
  void PutProbe();
  int64_t ProbedNowMs();
  void FindWhatIsLeft(std::vector<Model> candidates);
  bool HoldsTheSame(Model& model);
  std::map<std::string, std::string> ScanAll(size_t count);
  std::string History(std::string_view key) const;

  const Options options_;
  const int64_t transaction_max_;
  Model model_;
  RandomRequests random_;
  FakeClock clock_;
  MemoryFileSystem file_system_;
  std::unique_ptr<Store> store_;
  int64_t offset_ms_ = 0;        // store time - boot time
  int64_t last_change_ms_ = 0;   // store time of the last change
  int64_t committed_at_ms_ = 0;  // .. of the last one that is committed
  Lsn last_lsn_ = 0;
  std::map<std::string, LastChange, std::less<>> last_changes_;
  int64_t outcomes_[32] = {};
  uint64_t snapshots_ = 0;
  std::deque<std::pair<std::string, std::string>> history_;  // key, what was asked and told

  // A walk that goes on while the table changes.
  uint64_t cursor_ = 0;
  uint64_t births_at_start_ = 0;
  std::set<std::string> seen_;
};

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_STORE_BESIDE_MODEL_H_
