// io_uring by liburing: a recv, then a send, for each connection, submitted together with the wait.
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <vector>

#include "bench/ceiling/loops.h"

namespace idem::bench {
namespace {

constexpr unsigned kEntries = 1024;

struct Client {
  int fd = -1;
  bool sends = false;
  std::string_view unsent;
  std::array<char, kReadBytes> input;
};

class IoUringServer {
 public:
  IoUringServer(int listener, const Replies& replies) : listener_(listener), replies_(replies) {
    io_uring_params params{};
    params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    errno = -io_uring_queue_init_params(kEntries, &ring_, &params);
    Checked(errno == 0 ? 0 : -1, "io_uring_queue_init");
    Accept();
  }

  [[noreturn]] void Run() {
    for (;;) {
      io_uring_submit_and_wait(&ring_, 1);
      unsigned head = 0;
      unsigned count = 0;
      io_uring_cqe* done = nullptr;
      io_uring_for_each_cqe(&ring_, head, done) {
        ++count;
        auto* const client = static_cast<Client*>(io_uring_cqe_get_data(done));
        client == nullptr ? Admit(done->res) : GoOn(*client, done->res);
      }
      io_uring_cq_advance(&ring_, count);
    }
  }

 private:
  io_uring_sqe* Entry() {
    io_uring_sqe* entry = io_uring_get_sqe(&ring_);
    if (entry != nullptr) return entry;
    io_uring_submit(&ring_);
    return io_uring_get_sqe(&ring_);
  }

  void Accept() {
    io_uring_sqe* const entry = Entry();
    io_uring_prep_accept(entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    io_uring_sqe_set_data(entry, nullptr);
  }

  void Admit(int fd) {
    Accept();
    if (fd < 0) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    clients_.push_back(std::make_unique<Client>());
    clients_.back()->fd = fd;
    Receive(*clients_.back());
  }

  void GoOn(Client& client, int result) {
    if (result <= 0) {
      close(client.fd);
      return;
    }
    const auto bytes = static_cast<size_t>(result);
    client.sends ? client.unsent.remove_prefix(bytes)
                 : void(client.unsent = replies_.To({client.input.data(), bytes}));
    client.unsent.empty() ? Receive(client) : Send(client);
  }

  void Receive(Client& client) {
    client.sends = false;
    io_uring_sqe* const entry = Entry();
    io_uring_prep_recv(entry, client.fd, client.input.data(), client.input.size(), 0);
    io_uring_sqe_set_data(entry, &client);
  }

  void Send(Client& client) {
    client.sends = true;
    io_uring_sqe* const entry = Entry();
    io_uring_prep_send(entry, client.fd, client.unsent.data(), client.unsent.size(), MSG_NOSIGNAL);
    io_uring_sqe_set_data(entry, &client);
  }

  const int listener_;
  const Replies& replies_;
  io_uring ring_;
  std::vector<std::unique_ptr<Client>> clients_;  // until the process ends
};

}  // namespace

void ServeByIoUring(int listener, const Replies& replies) {
  IoUringServer(listener, replies).Run();
}

}  // namespace idem::bench
