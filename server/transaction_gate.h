// Who may run a transaction just now: all at once, or one that was beaten, alone. New ones stand in
// line behind one that waits to be alone, so it gets its turn.
//
// Thread-safe. Nobody waits for a disk inside.
#ifndef IDEM_SERVER_TRANSACTION_GATE_H_
#define IDEM_SERVER_TRANSACTION_GATE_H_

#include <mutex>
#include <shared_mutex>

namespace idem::server {

class TransactionGate {
 public:
  class Turn {
   public:
    Turn(TransactionGate& gate, bool alone) : gate_(gate), alone_(alone) {
      const std::lock_guard waits(gate.line_);
      alone ? gate.inside_.lock() : gate.inside_.lock_shared();
    }
    ~Turn() { alone_ ? gate_.inside_.unlock() : gate_.inside_.unlock_shared(); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;

   private:
    TransactionGate& gate_;
    const bool alone_;
  };

  // Whether one more could run, beside others.
  bool is_open() {
    const bool entered = inside_.try_lock_shared();
    if (entered) inside_.unlock_shared();
    return entered;
  }

 private:
  std::mutex line_;
  std::shared_mutex inside_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_TRANSACTION_GATE_H_
