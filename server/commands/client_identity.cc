#include "server/commands/client_identity.h"

#include <algorithm>
#include <utility>

#include "server/error_texts.h"

namespace idem::server {

std::string SetClientName(std::string_view name, Session& session) {
  if (!FitsIntoInfo(name)) {
    return "ERR Client names cannot contain spaces, newlines or special characters.";
  }
  session.name = name;
  return "";
}

std::string Authenticate(std::string_view user, std::string_view password,
                         const ServerContext& server, Session& session) {
  UserPtr found = server.users.Authenticate(user, password);
  if (found == nullptr) return std::string(kWrongPassword);
  session.user = std::move(found);
  return "";
}

bool FitsIntoInfo(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace idem::server
