// The signals that mean something to the server, read from a descriptor: TERM and INT stop it, HUP
// has it reload. PIPE is ignored.
//
// Thread rule: made before any other thread, which then have them blocked; used by one thread.
#ifndef IDEM_SERVER_SIGNALS_H_
#define IDEM_SERVER_SIGNALS_H_

#include <csignal>

#include "server/socket.h"

namespace idem::server {

class Signals {
 public:
  Signals();

  // Readable when a signal has come.
  int fd() const { return fd_.get(); }
  // Which one; 0: none.
  int Take() const;
  // From here on TERM and INT end the process at once.
  void LetStopsThrough() const;

 private:
  sigset_t stops_;
  UniqueFd fd_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_SIGNALS_H_
