#include "server/user_settings.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "server/setting_kinds.h"
#include "server/text.h"
#include "server/users.h"

namespace idem::server {
namespace {

constexpr size_t kLongestPassword = 1024;
constexpr std::string_view kDefaultUser = "default";

// Adds what the first line of the file holds, a password or a digest; what is wrong, if anything.
std::string AddPasswordOf(const std::string& path, std::vector<PasswordDigest>& passwords) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string password;
  std::getline(file, password);
  if (errno != 0 || file.bad()) {
    return absl::StrCat("cannot read the password in ", path, ": ", std::strerror(errno));
  }
  while (password.ends_with('\r')) password.pop_back();
  if (password.empty() || password.size() > kLongestPassword) {
    return absl::StrCat("the first line of ", path, " must be a password of 1 to ",
                        kLongestPassword, " bytes");
  }
  passwords.push_back(ParseDigest(password).value_or(DigestOf(password)));
  return "";
}

std::string AddUser(UserSpec user, ServerOptions& options) {
  for (const UserSpec& other : options.users) {
    if (other.name == user.name) return absl::StrCat("there is a user ", user.name, " already");
  }
  options.users.push_back(std::move(user));
  return "";
}

UserSpec DefaultUser() {
  return {.name = std::string(kDefaultUser), .role = Role::kAdmin, .prefix = "", .passwords = {}};
}

std::string SetPassword(std::string_view value, ServerOptions& options) {
  if (value.empty()) return "";
  if (value.size() > kLongestPassword)
    return absl::StrCat("takes 1 to ", kLongestPassword, " bytes");
  UserSpec user = DefaultUser();
  user.passwords.push_back(DigestOf(value));
  return AddUser(std::move(user), options);
}

std::string SetPasswordFile(std::string_view value, ServerOptions& options) {
  if (value.empty()) return "";
  UserSpec user = DefaultUser();
  std::string fault = AddPasswordOf(std::string(value), user.passwords);
  return fault.empty() ? AddUser(std::move(user), options) : fault;
}

bool TakeRole(std::string_view word, Role& role) {
  constexpr std::pair<std::string_view, Role> kRoles[] = {
      {"reader", Role::kReader}, {"client", Role::kClient}, {"admin", Role::kAdmin}};
  for (const auto& [name, meaning] : kRoles) {
    if (word != name) continue;
    role = meaning;
    return true;
  }
  return false;
}

// One word of a user line behind the name; what is wrong with it. A fault never shows the word,
// which may be a password.
std::string TakeUserWord(std::string_view word, UserSpec& user) {
  const auto behind = [word](std::string_view start) { return word.substr(start.size()); };
  if (word.starts_with("role=")) {
    return TakeRole(behind("role="), user.role) ? "" : "role= takes reader, client or admin";
  }
  if (word.starts_with("prefix=")) {
    user.prefix = behind("prefix=");
    return user.prefix.empty() ? "prefix= needs the beginning of the user's keys" : "";
  }
  if (word.starts_with("password-file=")) {
    return AddPasswordOf(std::string(behind("password-file=")), user.passwords);
  }
  if (word.starts_with('>') && word.size() > 1) {
    user.passwords.push_back(DigestOf(word.substr(1)));
    return "";
  }
  const std::optional<PasswordDigest> digest = ParseDigest(word);
  if (digest) user.passwords.push_back(*digest);
  if (digest) return "";
  return word.starts_with('#') ? "# is followed by the 64 hex digits of a password's SHA-256"
                               : "a word is none of role=, prefix=, password-file=, #digest and "
                                 ">password";
}

// NAME word [word ..]
std::string SetUser(std::string_view value, ServerOptions& options) {
  if (value.empty()) return "";
  const std::vector<std::string> words = absl::StrSplit(Absl(value), ' ', absl::SkipEmpty());
  if (words.empty() || !IsSettingName(words[0], "=")) {
    return absl::StrCat("begins with a name of 1 to ", kSettingNameMax, " letters");
  }
  UserSpec user = {.name = words[0], .role = Role::kClient, .prefix = "", .passwords = {}};
  for (size_t i = 1; i < words.size(); ++i) {
    const std::string fault = TakeUserWord(words[i], user);
    if (!fault.empty()) return absl::StrCat(user.name, ": ", fault);
  }
  if (user.passwords.empty()) {
    return absl::StrCat(user.name, ": has no password; add password-file=FILE or #digest");
  }
  if (user.role == Role::kAdmin && !user.prefix.empty()) {
    return absl::StrCat(user.name, ": an admin sees every key; take role=client, or no prefix");
  }
  return AddUser(std::move(user), options);
}

std::string ShowNothing(const ServerOptions&) { return ""; }

}  // namespace

std::vector<Setting> UserSettings() {
  return {
      {"requirepass", "", "a password",
       "of the default user, who may do all; not as a flag, which everybody can see", SetPassword,
       ShowNothing, kSecret},
      {"requirepass-file", "", "a path", "the same, in the first line of this file",
       SetPasswordFile, ShowNothing},
      {"user", "", "NAME [role=reader|client|admin] [prefix=KEYS] password-file=FILE|#digest",
       "one more user, for each such line; role is client if not given; not as a flag", SetUser,
       ShowNothing, kSecret | kWords | kRepeats},
  };
}

}  // namespace idem::server
