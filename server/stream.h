// A client's bytes, in and out, plain or under TLS: the one place of a connection that knows which.
//
// Thread rule: belongs to one thread at a time.
#ifndef IDEM_SERVER_STREAM_H_
#define IDEM_SERVER_STREAM_H_

#include <sys/socket.h>

#include <memory>
#include <string_view>
#include <utility>

#include "server/socket.h"
#include "server/tls.h"

namespace idem::server {

class Stream {
 public:
  explicit Stream(UniqueFd socket, std::unique_ptr<TlsSession> tls = nullptr)
      : socket_(std::move(socket)), tls_(std::move(tls)) {}

  int fd() const { return socket_.get(); }

  // As recv and send.
  ssize_t Receive(char* bytes, size_t size) {
    return tls_ == nullptr ? recv(fd(), bytes, size, 0) : tls_->Receive(bytes, size);
  }
  ssize_t Send(std::string_view bytes) {
    return tls_ == nullptr ? send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL)
                           : tls_->Send(bytes.data(), bytes.size());
  }
  // Receive goes on when the socket takes bytes.
  bool receive_wants_to_send() const { return tls_ != nullptr && tls_->receive_wants_to_send(); }
  bool is_established() const { return tls_ == nullptr || tls_->is_established(); }

  // Nothing more is sent. What the client has sent, and nobody will read, is thrown away.
  void End() {
    if (tls_ != nullptr) tls_->EndSending();
    shutdown(fd(), SHUT_WR);
    DiscardInput(fd());
  }

 private:
  UniqueFd socket_;  // closed last
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_STREAM_H_
