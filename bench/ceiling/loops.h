// The event loops that the ceiling server can run on, each the same least server: one read, one
// write of ready-made bytes for each read. So what differs is the loop.
//
// Each serves until a signal ends the process. Sockets are blocking where the loop allows it, which
// is safe with a client that never stops reading.
#ifndef IDEM_BENCH_CEILING_LOOPS_H_
#define IDEM_BENCH_CEILING_LOOPS_H_

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace idem::bench {

constexpr size_t kReadBytes = 64 << 10;

// The answers to all requests of one read. A request is a '*': no argument that load_gen sends
// holds one.
class Replies {
 public:
  explicit Replies(std::string_view reply) : reply_bytes_(reply.size()) {
    for (size_t i = 0; i < kReadBytes; ++i) bytes_.append(reply);
  }
  std::string_view To(std::string_view requests) const {
    const auto count = static_cast<size_t>(std::count(requests.begin(), requests.end(), '*'));
    return std::string_view(bytes_).substr(0, count * reply_bytes_);
  }

 private:
  size_t reply_bytes_;
  std::string bytes_;
};

inline int Checked(int result, const char* call) {
  if (result >= 0) return result;
  std::fprintf(stderr, "ceiling_server: %s: %s\n", call, std::strerror(errno));
  std::exit(2);
}

[[noreturn]] void ServeByEpoll(int listener, const Replies& replies);
[[noreturn]] void ServeByAsio(int listener, const Replies& replies);     // IDEM_BENCH_ASIO
[[noreturn]] void ServeByIoUring(int listener, const Replies& replies);  // IDEM_BENCH_IO_URING

}  // namespace idem::bench

#endif  // IDEM_BENCH_CEILING_LOOPS_H_
