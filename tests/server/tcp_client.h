// A client with a real, blocking socket.
#ifndef IDEM_TESTS_SERVER_TCP_CLIENT_H_
#define IDEM_TESTS_SERVER_TCP_CLIENT_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "gtest/gtest.h"
#include "server/socket.h"
#include "tests/server/client.h"

namespace idem::server {

inline constexpr int kReceiveSeconds = 60;

class TcpClient {
 public:
  explicit TcpClient(uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval bound = {.tv_sec = kReceiveSeconds, .tv_usec = 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof(bound));
    setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &bound, sizeof(bound));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              0);
  }

  void SendBytes(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t count = send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ASSERT_GT(count, 0);
      bytes.remove_prefix(static_cast<size_t>(count));
    }
  }
  void Send(const Words& words) { SendBytes(Encode(words)); }
  void EndInput() { shutdown(socket_.get(), SHUT_WR); }

  // Exactly so many bytes, fewer only if the server closes.
  std::string Receive(size_t count) {
    std::string bytes(count, '\0');
    size_t received = 0;
    while (received < count) {
      const ssize_t more = recv(socket_.get(), bytes.data() + received, count - received, 0);
      if (more <= 0) break;
      received += static_cast<size_t>(more);
    }
    bytes.resize(received);
    return bytes;
  }
  std::string ReceiveAll() {
    std::string all;
    for (std::string part = Receive(1); !part.empty(); part = Receive(1)) all += part;
    return all;
  }
  void Expect(std::string_view reply) { EXPECT_EQ(Receive(reply.size()), reply); }

  int fd() const { return socket_.get(); }

 private:
  UniqueFd socket_;
};

}  // namespace idem::server

#endif  // IDEM_TESTS_SERVER_TCP_CLIENT_H_
