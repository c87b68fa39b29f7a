// Tells the service manager how the server is: systemd's Type=notify protocol, a datagram of
// NAME=value lines to the socket that NOTIFY_SOCKET names. Without that variable nothing happens.
//
// Thread-safe.
#ifndef IDEM_SERVER_SERVICE_NOTIFY_H_
#define IDEM_SERVER_SERVICE_NOTIFY_H_

#include <string_view>

namespace idem::server {

// "READY=1", "STOPPING=1", "STATUS=loading"; several separated by newlines. False: there is nobody,
// or it could not be told; the server goes on all the same.
bool NotifyService(std::string_view state);

}  // namespace idem::server

#endif  // IDEM_SERVER_SERVICE_NOTIFY_H_
