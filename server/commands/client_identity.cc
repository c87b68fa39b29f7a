#include "server/commands/client_identity.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr size_t kNameBytesMax = 256;  // each connection keeps three

}  // namespace

std::string SetClientName(std::string_view name, Session& session) {
  std::string error = WhyNotForInfo("Client names", name);
  if (error.empty()) session.name = name;
  return error;
}

std::string Authenticate(std::string_view user, std::string_view password,
                         const ServerContext& server, Session& session) {
  UserPtr found = server.users.Authenticate(user, password);
  if (found == nullptr) {
    // Not the name: people type their password there.
    server.log.WriteOfClient(LogLevel::kNotice, "auth_failed", {{"peer", session.peer}});
    return std::string(kWrongPassword);
  }
  session.user = std::move(found);
  return "";
}

std::string WhyNotForInfo(std::string_view what, std::string_view text) {
  const bool is_plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
  if (text.size() > kNameBytesMax) {
    return absl::StrCat("ERR ", Absl(what), " cannot be longer than ", kNameBytesMax, " bytes.");
  }
  if (is_plain) return "";
  return absl::StrCat("ERR ", Absl(what),
                      " cannot contain spaces, newlines or special characters.");
}

}  // namespace idem::server
