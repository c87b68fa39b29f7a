// TLS by OpenSSL, behind the calls of a plain socket: TlsSession receives and sends as recv and
// send do. 1.2 or newer. Every connection is a whole handshake: nothing is resumed, so nothing
// outlives a reload of the certificates.
//
// Thread rule: a TlsContext is read by all threads. A TlsSession belongs to its connection.
#ifndef IDEM_SERVER_TLS_H_
#define IDEM_SERVER_TLS_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

typedef struct ssl_ctx_st SSL_CTX;
typedef struct ssl_st SSL;

namespace idem::server {

enum class AskCertificate : uint8_t { kYes, kNo, kOptional };  // of clients

struct TlsOptions {
  uint16_t port = 0;  // 0: none
  std::string cert_file;
  std::string key_file;
  std::string ca_cert_file;
  AskCertificate auth_clients = AskCertificate::kYes;
};

class TlsSession {
 public:
  explicit TlsSession(SSL* ssl) : ssl_(ssl) {}
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // As recv: the count, 0 at the end, -1 with errno. What is not there yet is EAGAIN, also while
  // the handshake is under way; a broken protocol is EPROTO. Takes one TLS record; with room for
  // kRecordBytes it keeps none of it back, so that whoever waits for the socket misses nothing.
  ssize_t Receive(char* bytes, size_t size);
  // As send.
  ssize_t Send(const char* bytes, size_t size);
  // Receive goes on when the socket takes bytes.
  bool receive_wants_to_send() const { return receive_wants_to_send_; }
  bool is_established() const;
  // Tells the other side that nothing more comes, as far as that is possible now.
  void EndSending();

  static constexpr size_t kRecordBytes = 16 << 10;

 private:
  SSL* const ssl_;
  bool receive_wants_to_send_ = false;
};

class TlsContext {
 public:
  // Reads the files. An error names the file, or the setting that is missing.
  static absl::StatusOr<std::shared_ptr<const TlsContext>> Create(const TlsOptions& options);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  // The server's side of a connection that was accepted. Null: out of memory.
  std::unique_ptr<TlsSession> Accept(int socket) const;

 private:
  explicit TlsContext(SSL_CTX* context) : context_(context) {}

  SSL_CTX* const context_;
};

// The certificates in force, which a reload replaces; connections that are there keep theirs.
// Thread-safe.
class ReloadableTls {
 public:
  std::shared_ptr<const TlsContext> Get() const {
    const std::lock_guard lock(mutex_);
    return context_;
  }
  void Set(std::shared_ptr<const TlsContext> context) {
    const std::lock_guard lock(mutex_);
    context_ = std::move(context);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> context_;  // guarded by mutex_
};

}  // namespace idem::server

#endif  // IDEM_SERVER_TLS_H_
