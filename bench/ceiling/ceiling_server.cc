// The least that a server can do, which bounds what any server can do with the same client: read
// what a client has sent, answer every request in it with the same bytes, by one read and one
// write.
//
//   ceiling_server --port 7000 --reply $'+OK\r\n'
//   ceiling_server --port 7000 --loop io_uring
//
// It parses nothing. One thread; ends with a signal.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "bench/ceiling/loops.h"

ABSL_FLAG(uint16_t, port, 6379, "to listen at, on 127.0.0.1");
ABSL_FLAG(std::string, reply, "+OK\r\n", "the answer to every request");
ABSL_FLAG(std::string, loop, "epoll", "epoll, asio or io_uring; --loop=list prints those built");

namespace idem::bench {
namespace {

constexpr int kBacklog = 511;

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

struct Loop {
  std::string_view name;
  void (*serve)(int listener, const Replies& replies);
};

constexpr Loop kLoops[] = {
    {"epoll", ServeByEpoll},
#ifdef IDEM_BENCH_ASIO
    {"asio", ServeByAsio},
#endif
#ifdef IDEM_BENCH_IO_URING
    {"io_uring", ServeByIoUring},
#endif
};

int Main() {
  const std::string wanted = absl::GetFlag(FLAGS_loop);
  for (const Loop& loop : kLoops) {
    if (wanted == "list") std::printf("%s\n", loop.name.data());
    if (loop.name != wanted) continue;
    const Replies replies(absl::GetFlag(FLAGS_reply));
    loop.serve(Listen(absl::GetFlag(FLAGS_port)), replies);
  }
  if (wanted == "list") return 0;
  std::fprintf(stderr, "ceiling_server: no loop %s in this build\n", wanted.c_str());
  return 2;
}

}  // namespace
}  // namespace idem::bench

int main(int argc, char** argv) {
  absl::SetProgramUsageMessage("answers every request with the same bytes");
  absl::ParseCommandLine(argc, argv);
  return idem::bench::Main();
}
