#include "server/signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

namespace idem::server {

Signals::Signals() {
  std::signal(SIGPIPE, SIG_IGN);
  sigemptyset(&stops_);
  sigaddset(&stops_, SIGTERM);
  sigaddset(&stops_, SIGINT);
  sigset_t all = stops_;
  sigaddset(&all, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  fd_ = UniqueFd(signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC));
}

int Signals::Take() const {
  signalfd_siginfo taken{};
  return read(fd_.get(), &taken, sizeof(taken)) == sizeof(taken) ? static_cast<int>(taken.ssi_signo)
                                                                 : 0;
}

void Signals::LetStopsThrough() const { pthread_sigmask(SIG_UNBLOCK, &stops_, nullptr); }

}  // namespace idem::server
