// Replies to commands that waited, on their way from whoever brought them about to the loop of the
// client. Few: it has one lock.
//
// Thread rule: Put from any thread, the rest on the loop's.
#ifndef IDEM_SERVER_WAITED_REPLIES_H_
#define IDEM_SERVER_WAITED_REPLIES_H_

#include <cstdint>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "idem/request.h"

namespace idem::server {

class WaitedReplies {
 public:
  struct Waited {
    uint64_t client;  // Session::id
    Reply reply;
  };

  // `wake` has the loop call Take. Before the first Put.
  void SetWake(std::function<void()> wake) { wake_ = std::move(wake); }

  void Put(uint64_t client, Reply& reply) {
    {
      const std::lock_guard lock(mutex_);
      waited_.push_back({client, std::move(reply)});
    }
    if (wake_) wake_();
  }
  std::vector<Waited> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(waited_, {});
  }

 private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::vector<Waited> waited_;  // guarded by mutex_
};

}  // namespace idem::server

#endif  // IDEM_SERVER_WAITED_REPLIES_H_
