// Who may connect, with which password, and what each may do.
//
// Without any user every connection is the default user's, who may do all. With users a connection
// must authenticate first; requirepass makes one that is called default.
//
// Passwords are kept as SHA-256 digests and compared in constant time; an unknown name takes as
// long as a wrong password. SHA-256 is fast: passwords should be long random words, not chosen by
// people.
//
// Thread rule: a User never changes, but for being revoked; Users is thread-safe.
#ifndef IDEM_SERVER_USERS_H_
#define IDEM_SERVER_USERS_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace idem::server {

enum class Role : uint8_t {
  kReader,  // changes nothing
  kClient,  // whatever applications do
  kAdmin,   // operates the server, too
};

using PasswordDigest = std::array<uint8_t, 32>;

PasswordDigest DigestOf(std::string_view password);
// From "#" and 64 hex digits, as in Redis' ACL files.
std::optional<PasswordDigest> ParseDigest(std::string_view text);

// A user as configured.
struct UserSpec {
  std::string name;
  Role role = Role::kClient;
  std::string prefix;  // of all keys that the user may name or see
  std::vector<PasswordDigest> passwords;

  bool operator==(const UserSpec&) const = default;
};

class User {
 public:
  explicit User(UserSpec spec)
      : spec_(std::move(spec)), may_do_all_(spec_.role == Role::kAdmin && spec_.prefix.empty()) {}

  const std::string& name() const { return spec_.name; }
  Role role() const { return spec_.role; }
  const UserSpec& spec() const { return spec_; }
  bool Sees(std::string_view key) const { return key.starts_with(spec_.prefix); }

  // Nothing needs to be checked.
  bool may_do_all() const { return may_do_all_.load(std::memory_order_relaxed); }
  // Whoever is still connected must authenticate anew.
  void Revoke() {
    revoked_.store(true, std::memory_order_relaxed);
    may_do_all_.store(false, std::memory_order_relaxed);
  }
  bool revoked() const { return revoked_.load(std::memory_order_relaxed); }

 private:
  const UserSpec spec_;
  std::atomic<bool> may_do_all_;
  std::atomic<bool> revoked_{false};
};

using UserPtr = std::shared_ptr<const User>;

class Users {
 public:
  explicit Users(const std::vector<UserSpec>& specs) { Replace(specs); }

  // Who a new connection is. Null: it must authenticate.
  UserPtr initial() const;
  // Null: no such user, or a wrong password.
  UserPtr Authenticate(std::string_view name, std::string_view password) const;
  // Connections of users that have changed, or are no more, must authenticate anew.
  void Replace(const std::vector<UserSpec>& specs);

 private:
  std::shared_ptr<User> TakeSame(const UserSpec& spec);

  mutable std::mutex mutex_;
  bool is_open_ = false;                      // guarded by mutex_, as all below
  std::vector<std::shared_ptr<User>> users_;  // if open: the default user alone
};

}  // namespace idem::server

#endif  // IDEM_SERVER_USERS_H_
