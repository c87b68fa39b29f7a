// A port beside that of the clients, on 127.0.0.1, for those who watch the server: HTTP, GET only.
//
// One thread of its own serves it, so that neither a slow scraper holds up a client nor a busy
// event loop a health check. What it takes is bounded: kConnections at one time (one more drops the
// oldest), kHttpRequestBytes of a request, kTimeoutMs for a connection from its beginning to its
// end, one request each.
//
// Ownership: what `respond` uses, and the clock, outlive it.
// Thread rule: Start and destruction on one thread. `respond` runs on the port's own.
#ifndef IDEM_SERVER_ADMIN_ADMIN_PORT_H_
#define IDEM_SERVER_ADMIN_ADMIN_PORT_H_

#include <poll.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "idem/clock.h"
#include "server/admin/http.h"
#include "server/socket.h"

namespace idem::server {

class AdminPort {
 public:
  static constexpr size_t kConnections = 16;
  static constexpr int64_t kTimeoutMs = 5'000;

  using Respond = std::function<HttpResponse(std::string_view path)>;

  // Port 0 takes any free one.
  static absl::StatusOr<std::unique_ptr<AdminPort>> Start(uint16_t port, const Clock& clock,
                                                          Respond respond);
  // Stops now.
  ~AdminPort();
  AdminPort(const AdminPort&) = delete;
  AdminPort& operator=(const AdminPort&) = delete;

  uint16_t port() const { return PortOf(listener_.get()); }

 private:
  struct Visitor {
    UniqueFd socket;
    int64_t deadline_ms = 0;
    std::string input;
    std::string output = {};  // not empty: the request is answered
    size_t sent = 0;
    bool is_done = false;
  };

  AdminPort(UniqueFd listener, UniqueFd stop, const Clock& clock, Respond respond);

  void Run();
  void Accept();
  void Serve(Visitor& visitor, short events);
  void Receive(Visitor& visitor);
  void Send(Visitor& visitor);
  std::vector<pollfd> Wanted() const;

  const UniqueFd listener_;
  const UniqueFd stop_;
  const Clock& clock_;
  const Respond respond_;
  std::vector<Visitor> visitors_;  // the oldest first; of the thread
  std::thread thread_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_ADMIN_ADMIN_PORT_H_
