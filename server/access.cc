#include "server/access.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/command_table.h"
#include "server/error_texts.h"
#include "server/text.h"

namespace idem::server {
namespace {

bool MayRun(Role role, uint32_t flags) {
  switch (role) {
    case Role::kReader:
      return (flags & (kWrite | kAdmin)) == 0;
    case Role::kClient:
      return (flags & kAdmin) == 0;
    case Role::kAdmin:
      return true;
  }
  return false;
}

}  // namespace

std::string AccessError(const Session& session, const Command& command, Arguments args) {
  if ((command.flags & kNoAuth) != 0) return "";
  const User* const user = session.user.get();
  if (user == nullptr || user->revoked()) return std::string(kNotAuthenticated);
  if (!MayRun(user->role(), command.flags)) {
    return absl::StrCat("NOPERM User ", user->name(), " has no permissions to run the '",
                        Absl(command.name), "' command");
  }
  if (user->spec().prefix.empty()) return "";
  const std::vector<std::string_view> keys = KeysOf(command, args);
  const bool sees_all = std::all_of(keys.begin(), keys.end(),
                                    [user](std::string_view key) { return user->Sees(key); });
  return sees_all ? "" : "NOPERM No permissions to access a key";
}

}  // namespace idem::server
