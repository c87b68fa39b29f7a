// The least that a server can do, which bounds what any server can do with the same client: read
// what a client has sent, answer every request in it with the same bytes, by one read and one
// write.
//
//   ceiling_server --port 7000 --reply $'+OK\r\n'
//
// It parses nothing. A request is a '*': no argument that load_gen sends holds one. Sockets block,
// which is safe with a client that never stops reading. One thread; ends with a signal.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"

ABSL_FLAG(uint16_t, port, 6379, "to listen at, on 127.0.0.1");
ABSL_FLAG(std::string, reply, "+OK\r\n", "the answer to every request");

namespace idem::bench {
namespace {

constexpr size_t kReadBytes = 64 << 10;
constexpr int kBacklog = 511;

int Checked(int result, const char* call) {
  if (result >= 0) return result;
  std::fprintf(stderr, "ceiling_server: %s: %s\n", call, std::strerror(errno));
  std::exit(2);
}

int Listen(uint16_t port) {
  const int listener = Checked(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  const int on = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Checked(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  Checked(listen(listener, kBacklog), "listen");
  return listener;
}

class CeilingServer {
 public:
  CeilingServer(int listener, std::string_view reply)
      : listener_(listener),
        epoll_(Checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
        reply_bytes_(reply.size()) {
    for (size_t i = 0; i < kReadBytes; ++i) replies_.append(reply);
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
    if (got <= 0 || !Send(fd, std::count(input_.begin(), input_.begin() + got, '*'))) close(fd);
  }

  // False: the client is gone.
  bool Send(int fd, ptrdiff_t requests) const {
    std::string_view unsent(replies_.data(), static_cast<size_t>(requests) * reply_bytes_);
    while (!unsent.empty()) {
      const ssize_t sent = send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
      if (sent < 0) return false;
      unsent.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  const int listener_;
  const int epoll_;
  const size_t reply_bytes_;
  std::string replies_;  // to as many requests as one read can hold
  std::array<char, kReadBytes> input_;
};

}  // namespace
}  // namespace idem::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("answers every request with the same bytes");
  absl::ParseCommandLine(argc, argv);
  static idem::bench::CeilingServer server(idem::bench::Listen(absl::GetFlag(FLAGS_port)),
                                           absl::GetFlag(FLAGS_reply));
  server.Run();
}
