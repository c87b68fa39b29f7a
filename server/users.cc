#include "server/users.h"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include "absl/strings/escaping.h"
#include "server/text.h"

namespace idem::server {
namespace {

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdefABCDEF") == text.npos;
}

// Looks at all of them, so that the time tells nothing.
bool Matches(const std::vector<PasswordDigest>& passwords, const PasswordDigest& given) {
  int matches = 0;
  for (const PasswordDigest& password : passwords) {
    matches |= CRYPTO_memcmp(password.data(), given.data(), given.size()) == 0 ? 1 : 0;
  }
  return matches != 0;
}

}  // namespace

PasswordDigest DigestOf(std::string_view password) {
  PasswordDigest digest;
  SHA256(reinterpret_cast<const unsigned char*>(password.data()), password.size(), digest.data());
  return digest;
}

std::optional<PasswordDigest> ParseDigest(std::string_view text) {
  PasswordDigest digest;
  if (text.size() != 1 + 2 * digest.size() || text[0] != '#') return std::nullopt;
  if (!IsHex(text.substr(1))) return std::nullopt;
  const std::string bytes = absl::HexStringToBytes(Absl(text.substr(1)));
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return digest;
}

UserPtr Users::initial() const {
  const std::lock_guard lock(mutex_);
  return is_open_ ? users_.front() : nullptr;
}

UserPtr Users::Authenticate(std::string_view name, std::string_view password) const {
  static const std::vector<PasswordDigest> kNobodys = {PasswordDigest{}};
  const PasswordDigest given = DigestOf(password);
  const std::lock_guard lock(mutex_);
  UserPtr found;
  for (const auto& user : users_) {
    if (user->name() == name) found = user;
  }
  if (is_open_) return found;
  const bool matches = Matches(found == nullptr ? kNobodys : found->spec().passwords, given);
  return matches ? found : nullptr;
}

void Users::Replace(const std::vector<UserSpec>& specs) {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<User>> users;
  users.reserve(specs.size() + 1);
  for (const UserSpec& spec : specs) users.push_back(TakeSame(spec));
  if (specs.empty()) {
    users.push_back(
        TakeSame({.name = "default", .role = Role::kAdmin, .prefix = "", .passwords = {}}));
  }
  for (const auto& user : users_) {
    if (user != nullptr) user->Revoke();
  }
  is_open_ = specs.empty();
  users_ = std::move(users);
}

// The user of before, if nothing has changed.
std::shared_ptr<User> Users::TakeSame(const UserSpec& spec) {
  for (auto& user : users_) {
    if (user != nullptr && user->spec() == spec) return std::exchange(user, nullptr);
  }
  return std::make_shared<User>(spec);
}

}  // namespace idem::server
