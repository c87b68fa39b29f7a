// A transactional outbox: every completed order is published exactly once, whoever dies when.
//
// Complete is the one write: it settles the order and is, at the same place in the log, what the
// publisher reads. So there is no moment at which one is done and the other is forgotten. The
// publisher is told each order at least once, under one LSN; downstream keeps the highest LSN it
// has taken together with what it took, and so drops what comes again.
//
// Here a worker and a publisher share a process that kills itself (SIGKILL) at every kind of
// moment, until a life comes to its end.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <variant>

#include "idem/store.h"

namespace {

constexpr int kOrders = 40;

void Check(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "outbox: %s\n", what);
  std::exit(1);
}

// Lines "<LSN> <order>", each written at once.
class Downstream {
 public:
  explicit Downstream(const std::string& path) : path_(path) {
    std::ifstream lines(path_);
    for (idem::Lsn lsn = 0; lines >> lsn;) {
      std::string order;
      lines >> order;
      highest_ = lsn;
      ++times_[order];
    }
  }
  void Take(idem::Lsn lsn, const std::string& order) {
    if (lsn <= highest_) return;  // it came before
    std::ofstream(path_, std::ios::app) << std::to_string(lsn) + " " + order + "\n";
    highest_ = lsn;
  }
  const std::map<std::string, int>& times() const { return times_; }

 private:
  const std::string path_;
  idem::Lsn highest_ = 0;
  std::map<std::string, int> times_;
};

// Kills the process at the moment with this number; 0: at none.
class Fate {
 public:
  explicit Fate(int moment) : left_(moment) {}
  void Moment() {
    if (left_ != 0 && --left_ == 0) std::raise(SIGKILL);
  }

 private:
  int left_;
};

void CompleteOrder(idem::Store& store, const std::string& order, Fate& fate) {
  // The owner's name gives a worker that came back the claim of its former life.
  auto answer = store.Begin(order, store.FingerprintOf({order}), {.owner = "worker"});
  Check(answer.ok(), "Begin");
  fate.Moment();
  if (auto* const claim = std::get_if<idem::Claim>(&*answer)) {
    Check(claim->Complete("receipt of " + order).ok(), "Complete");
    fate.Moment();
  }
}

// What is new for the cursor. `handled`: what the last page told; 0 after a start.
void Publish(idem::Store& store, Downstream& downstream, idem::Lsn& handled, Fate& fate) {
  auto answer = store.ReadChanges(handled, {.cursor = "mail"});
  Check(answer.ok() && std::holds_alternative<idem::ChangePage>(*answer), "ReadChanges");
  const auto& page = std::get<idem::ChangePage>(*answer);
  for (const idem::Change& change : page.changes) {
    downstream.Take(change.lsn, change.key);
    fate.Moment();
  }
  handled = page.next;
}

void Live(const std::string& directory, int moment) {
  Fate fate(moment);
  auto store = idem::Store::Open({.directory = directory + "/store",
                                  .policy = {.max_response_bytes = 4 << 10},
                                  .segment_bytes = 256 << 10,
                                  .backlog_bytes = 256 << 10});
  Check(store.ok(), "Open");
  Downstream downstream(directory + "/published");
  idem::Lsn handled = 0;
  for (int i = 1; i <= kOrders; ++i) {
    CompleteOrder(**store, "order-" + std::to_string(i), fate);
    if (i % 3 == 0) Publish(**store, downstream, handled, fate);
  }
  Publish(**store, downstream, handled, fate);
}

// False: it was killed.
bool LiveInAProcess(const std::string& directory, int moment) {
  const pid_t child = fork();
  Check(child >= 0, "fork");
  if (child == 0) {
    Live(directory, moment);
    std::exit(0);
  }
  int status = 0;
  Check(waitpid(child, &status, 0) == child, "waitpid");
  Check(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "a life went wrong");
  return WIFEXITED(status);
}

}  // namespace

int main() {
  std::string directory = (std::filesystem::temp_directory_path() / "idem-outbox-XXXXXX").string();
  Check(mkdtemp(directory.data()) != nullptr, "mkdtemp");
  int deaths = 0;
  while (!LiveInAProcess(directory, deaths < 12 ? 1 + deaths * 7 : 0)) ++deaths;
  const std::map<std::string, int> times = Downstream(directory + "/published").times();
  std::filesystem::remove_all(directory);
  const bool once = std::all_of(times.begin(), times.end(),
                                [](const auto& published) { return published.second == 1; });
  std::printf("%zu orders were published, each once: %s; the process died %d times\n", times.size(),
              once ? "yes" : "no", deaths);
  Check(once && times.size() == kOrders && deaths > 5, "not exactly once");
}
