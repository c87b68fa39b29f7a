#include "server/listeners.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace idem::server {
namespace {

std::string NameOf(const std::string& address, uint16_t port, Listener::Kind kind) {
  const bool is_v6 = address.find(':') != address.npos;
  return absl::StrCat(is_v6 ? "[" : "", address, is_v6 ? "]:" : ":", port,
                      kind == Listener::Kind::kTls ? " (TLS)" : "");
}

}  // namespace

absl::StatusOr<Listeners> Listeners::Open(const ServerOptions& options) {
  Listeners listeners;
  const bool has_others = options.tls.port != 0 || !options.unixsocket.empty();
  absl::Status status;
  if (options.port != 0 || !has_others) {
    status = listeners.OpenPort(options, options.port, Listener::Kind::kTcp);
  }
  if (status.ok() && !options.unixsocket.empty()) status = listeners.OpenUnix(options);
  if (status.ok() && options.tls.port != 0) {
    status = listeners.OpenPort(options, options.tls.port, Listener::Kind::kTls);
  }
  if (!status.ok()) return status;
  return listeners;
}

Listeners::~Listeners() {
  for (const Listener& listener : all_) {
    if (listener.kind == Listener::Kind::kUnix) unlink(listener.name.c_str());
  }
}

absl::Status Listeners::OpenPort(const ServerOptions& options, uint16_t port, Listener::Kind kind) {
  absl::Status last = absl::OkStatus();
  bool is_open = false;
  for (const BindAddress& each : BindAddressesOf(options.bind)) {
    absl::StatusOr<UniqueFd> socket = ListenOn(each.address, port);
    if (!socket.ok() && !each.is_optional) return socket.status();
    if (!socket.ok()) {
      last = socket.status();
      continue;
    }
    is_open = true;
    port = PortOf(socket->get());  // of the first one, if any will do
    all_.push_back({*std::move(socket), kind, NameOf(each.address, port, kind)});
  }
  if (!is_open) return last;
  if (kind == Listener::Kind::kTcp) port_ = port;
  return absl::OkStatus();
}

absl::Status Listeners::OpenUnix(const ServerOptions& options) {
  absl::StatusOr<UniqueFd> socket = ListenAt(options.unixsocket, options.unixsocketperm);
  if (!socket.ok()) return socket.status();
  all_.push_back({*std::move(socket), Listener::Kind::kUnix, options.unixsocket});
  return absl::OkStatus();
}

std::string Listeners::Names() const {
  return absl::StrJoin(
      all_, ", ", [](std::string* out, const Listener& each) { absl::StrAppend(out, each.name); });
}

}  // namespace idem::server
