// Standalone Asio: its reads are asynchronous, writes go out at once, as an epoll server would do.
#define ASIO_STANDALONE
#include <array>
#include <asio.hpp>
#include <cstdlib>
#include <memory>
#include <utility>

#include "bench/ceiling/loops.h"

namespace idem::bench {
namespace {

using Tcp = asio::ip::tcp;

class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(Tcp::socket socket, const Replies& replies)
      : socket_(std::move(socket)), replies_(replies) {
    socket_.set_option(Tcp::no_delay(true));
  }

  void Read() {
    socket_.async_read_some(asio::buffer(input_),
                            [self = shared_from_this()](std::error_code failed, size_t got) {
                              if (!failed && self->Answer(got)) self->Read();
                            });
  }

 private:
  bool Answer(size_t got) {
    const std::string_view replies = replies_.To({input_.data(), got});
    std::error_code failed;
    asio::write(socket_, asio::buffer(replies.data(), replies.size()), failed);
    return !failed;
  }

  Tcp::socket socket_;
  const Replies& replies_;
  std::array<char, kReadBytes> input_;
};

void Accept(Tcp::acceptor& acceptor, const Replies& replies) {
  acceptor.async_accept([&](std::error_code failed, Tcp::socket socket) {
    if (!failed) std::make_shared<Session>(std::move(socket), replies)->Read();
    Accept(acceptor, replies);
  });
}

}  // namespace

void ServeByAsio(int listener, const Replies& replies) {
  asio::io_context context(1);
  Tcp::acceptor acceptor(context, Tcp::v4(), listener);
  Accept(acceptor, replies);
  context.run();
  std::exit(0);
}

}  // namespace idem::bench
