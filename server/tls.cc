#include "server/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace idem::server {
namespace {

// OpenSSL's first complaint; forgets all of them.
std::string Complaint() {
  char text[256] = "";
  const unsigned long code = ERR_peek_error();
  const char* const reason = ERR_reason_error_string(code);
  if (reason == nullptr) ERR_error_string_n(code, text, sizeof(text));
  ERR_clear_error();
  return reason == nullptr ? text : reason;
}

absl::Status CannotUse(const char* setting, const std::string& file) {
  return absl::InvalidArgumentError(
      absl::StrCat(setting, ": cannot use ", file, ": ", Complaint()));
}

absl::Status Missing(const char* setting, const char* why) {
  return absl::InvalidArgumentError(absl::StrCat(setting, ": is needed ", why));
}

absl::Status LoadCertificate(SSL_CTX* context, const TlsOptions& options) {
  if (options.cert_file.empty()) return Missing("tls-cert-file", "for a tls-port");
  if (options.key_file.empty()) return Missing("tls-key-file", "for a tls-port");
  if (SSL_CTX_use_certificate_chain_file(context, options.cert_file.c_str()) != 1) {
    return CannotUse("tls-cert-file", options.cert_file);
  }
  if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return CannotUse("tls-key-file", options.key_file);
  }
  return absl::OkStatus();
}

absl::Status AskForCertificates(SSL_CTX* context, const TlsOptions& options) {
  if (options.auth_clients == AskCertificate::kNo) return absl::OkStatus();
  if (options.ca_cert_file.empty()) {
    return Missing("tls-ca-cert-file",
                   "to check the certificates of clients; tls-auth-clients no asks for none");
  }
  const char* const file = options.ca_cert_file.c_str();
  if (SSL_CTX_load_verify_locations(context, file, nullptr) != 1) {
    return CannotUse("tls-ca-cert-file", options.ca_cert_file);
  }
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(file));
  const bool must = options.auth_clients == AskCertificate::kYes;
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | (must ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                     nullptr);
  return absl::OkStatus();
}

void SetProtocol(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
}

}  // namespace

absl::StatusOr<std::shared_ptr<const TlsContext>> TlsContext::Create(const TlsOptions& options) {
  ERR_clear_error();
  SSL_CTX* const raw = SSL_CTX_new(TLS_server_method());
  if (raw == nullptr) return absl::InternalError(absl::StrCat("TLS: ", Complaint()));
  std::shared_ptr<const TlsContext> context(new TlsContext(raw));
  SetProtocol(raw);
  if (absl::Status status = LoadCertificate(raw, options); !status.ok()) return status;
  if (absl::Status status = AskForCertificates(raw, options); !status.ok()) return status;
  return context;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

std::unique_ptr<TlsSession> TlsContext::Accept(int socket) const {
  SSL* const ssl = SSL_new(context_);
  if (ssl == nullptr) return nullptr;
  auto session = std::make_unique<TlsSession>(ssl);
  if (SSL_set_fd(ssl, socket) != 1) return nullptr;
  SSL_set_accept_state(ssl);
  return session;
}

TlsSession::~TlsSession() { SSL_free(ssl_); }

bool TlsSession::is_established() const { return SSL_is_init_finished(ssl_) == 1; }

ssize_t TlsSession::Receive(char* bytes, size_t size) {
  ERR_clear_error();
  receive_wants_to_send_ = false;
  const int count = SSL_read(ssl_, bytes, static_cast<int>(std::min<size_t>(size, INT_MAX)));
  if (count > 0) return count;
  switch (SSL_get_error(ssl_, count)) {
    case SSL_ERROR_ZERO_RETURN:
      return 0;
    case SSL_ERROR_WANT_WRITE:
      receive_wants_to_send_ = true;
      [[fallthrough]];
    case SSL_ERROR_WANT_READ:
      errno = EAGAIN;
      return -1;
    default:
      errno = EPROTO;
      return -1;
  }
}

ssize_t TlsSession::Send(const char* bytes, size_t size) {
  ERR_clear_error();
  const int count = SSL_write(ssl_, bytes, static_cast<int>(std::min<size_t>(size, INT_MAX)));
  if (count > 0) return count;
  const int error = SSL_get_error(ssl_, count);
  errno = error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ ? EAGAIN : EPROTO;
  return -1;
}

void TlsSession::EndSending() {
  ERR_clear_error();
  if (is_established()) SSL_shutdown(ssl_);
}

}  // namespace idem::server
