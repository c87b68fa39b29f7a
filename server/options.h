// What idem-server was told: the values of the settings (settings.h), as the program uses them.
//
// Thread rule: written while the server starts; afterwards any thread reads. A Live value may
// change at any time (CONFIG SET).
#ifndef IDEM_SERVER_OPTIONS_H_
#define IDEM_SERVER_OPTIONS_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "idem/options.h"
#include "server/log_level.h"
#include "server/tls.h"
#include "server/users.h"

namespace idem::server {

class EventLog;

// A value that one thread may change while others read it.
template <typename T>
class Live {
 public:
  Live(T value) : value_(value) {}  // NOLINT(google-explicit-constructor): stands for a T
  Live(const Live& other) : value_(other.get()) {}
  Live& operator=(const Live& other) {
    value_.store(other.get(), std::memory_order_relaxed);
    return *this;
  }

  T get() const { return value_.load(std::memory_order_relaxed); }
  operator T() const { return get(); }  // NOLINT(google-explicit-constructor)

 private:
  std::atomic<T> value_;
};

struct ServerOptions {
  Options store;
  std::string bind = "127.0.0.1";  // addresses, with blanks between them
  uint16_t port = 6379;            // 0: any free one; none if there is another way in
  std::string unixsocket;          // empty: none
  uint32_t unixsocketperm = 0;     // 0: by the umask
  TlsOptions tls;
  int admin_port = -1;  // on 127.0.0.1; -1: none, 0: any free one
  int threads = 1;      // event loops, 1 .. 64
  Live<int> maxclients = 10'000;
  size_t client_memory_bytes = 256 << 20;  // for the buffers of all clients
  Live<int> timeout_s = 0;                 // an idle client is closed after so long; 0: never
  Live<int> tcp_keepalive_s = 300;         // 0: no probes
  Live<LogLevel> loglevel = LogLevel::kNotice;
  std::string logfile;                                // empty: stderr
  Live<int64_t> slowlog_log_slower_than_us = 10'000;  // -1: SLOWLOG keeps nothing
  int64_t slowlog_max_len = 128;
  std::vector<UserSpec> users;    // none: everybody may do all
  std::string config_file;        // empty: there is none
  bool check_only = false;        // --check-config: the server is not to start
  EventLog* log = nullptr;        // null: nothing is logged
  void (*shut_down)() = nullptr;  // what SHUTDOWN calls; null: it is refused
};

// "always", "everysec", "interval 250 ms", "os", "memory".
std::string DurabilityName(const Options& options);
// "1.0 GiB"
std::string HumanBytes(uint64_t bytes);

}  // namespace idem::server

#endif  // IDEM_SERVER_OPTIONS_H_
