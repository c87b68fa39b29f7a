#include "server/commands/client_identity.h"

#include <algorithm>

#include "server/error_texts.h"

namespace idem::server {

std::string SetClientName(std::string_view name, Session& session) {
  if (!FitsIntoInfo(name)) {
    return "ERR Client names cannot contain spaces, newlines or special characters.";
  }
  session.name = name;
  return "";
}

std::string Authenticate(std::string_view user) {
  return user == "default" ? "" : std::string(kWrongPassword);
}

bool FitsIntoInfo(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '!' && c <= '~'; });
}

}  // namespace idem::server
