// Work that no caller waits for: freeing what has expired, keeping the leases of Store::Once alive,
// fetching tokens. One thread, or none and RunOnce by hand.
//
// Thread rule: everything from any thread.
#ifndef IDEM_STORE_HOUSEKEEPER_H_
#define IDEM_STORE_HOUSEKEEPER_H_

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <thread>

#include "base/mutex.h"
#include "idem/answer.h"
#include "idem/options.h"

namespace idem::engine {

class Core;

class Housekeeper {
 public:
  // `core` outlives this; the thread runs if `background` says so.
  Housekeeper(Core* core, Background background);
  ~Housekeeper();

  // One round. True: there is more to free.
  bool RunOnce();
  // Has the next round begin now.
  void Wake() { wake_.NotifyAll(); }

  // Keeps a claim's lease alive, at a third of it, until it is dropped. Best effort: a claim that
  // is fenced or settled meanwhile is left alone. With Background::kManual nobody beats.
  class Heartbeat {
   public:
    Heartbeat(Housekeeper* housekeeper, std::string_view key, Token token, int64_t lease_ms);
    ~Heartbeat();
    Heartbeat(const Heartbeat&) = delete;
    Heartbeat& operator=(const Heartbeat&) = delete;

   private:
    friend class Housekeeper;
    int64_t PauseMs() const;

    Housekeeper* const housekeeper_;
    const std::string key_;
    const Token token_;
    const int64_t lease_ms_;
    int64_t next_ms_;
    std::list<Heartbeat*>::iterator position_;
  };

 private:
  static constexpr int64_t kRoundMs = 50;

  void Loop();
  void Beat() IDEM_EXCLUDES(mutex_);
  int64_t NextRoundMs() const IDEM_REQUIRES(mutex_);

  Core* const core_;
  Mutex mutex_;
  Condition wake_;
  bool stopping_ IDEM_GUARDED_BY(mutex_) = false;
  std::list<Heartbeat*> heartbeats_ IDEM_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace idem::engine

#endif  // IDEM_STORE_HOUSEKEEPER_H_
