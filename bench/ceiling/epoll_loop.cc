// epoll by its system calls, level-triggered: what idem-server does.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "bench/ceiling/loops.h"

namespace idem::bench {
namespace {

class EpollServer {
 public:
  EpollServer(int listener, const Replies& replies)
      : listener_(listener),
        epoll_(Checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        replies_(replies) {
    Watch(listener_);
  }

  [[noreturn]] void Run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<size_t>(i)].data.fd;
        fd == listener_ ? Accept() : Serve(fd);
      }
    }
  }

 private:
  void Watch(int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    Checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }

  void Accept() {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Watch(client);
  }

  void Serve(int fd) {
    const ssize_t got = recv(fd, input_.data(), input_.size(), 0);
    if (got <= 0 || !Send(fd, replies_.To({input_.data(), static_cast<size_t>(got)}))) close(fd);
  }

  // False: the client is gone.
  static bool Send(int fd, std::string_view unsent) {
    while (!unsent.empty()) {
      const ssize_t sent = send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      unsent.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  const int listener_;
  const int epoll_;
  const Replies& replies_;
  std::array<char, kReadBytes> input_;
};

}  // namespace

void ServeByEpoll(int listener, const Replies& replies) { EpollServer(listener, replies).Run(); }

}  // namespace idem::bench
