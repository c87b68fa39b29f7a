// When a value ends, as clients write it: EX 10, PXAT 1800000000000. Also the longest time to live.
#ifndef IDEM_SERVER_COMMANDS_EXPIRY_H_
#define IDEM_SERVER_COMMANDS_EXPIRY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/command.h"
#include "server/option_reader.h"

namespace idem::server {

// 100 years, the longest that the store keeps. Whoever writes more means "for ever" and gets this.
inline constexpr int64_t kLongestTtlMs = 3'153'600'000'000;

struct Expiry {
  std::string_view text;
  int64_t unit_ms = 1;
  bool is_moment = false;        // a point in time, not a length
  bool may_have_passed = false;  // a number below 1 is good, too
};

// Gives the request this deadline; one that has passed removes. With an `error` it has none.
void ReadExpiry(const Expiry& expiry, const Call& call, Request& request, std::string* error);

// Takes EX, PX, EXAT or PXAT with its number. The same one twice is fine, as in Redis. False: the
// option is none of these, or does not go with the one before.
bool ReadExpiryOption(OptionReader& options, std::optional<Expiry>& expiry);

}  // namespace idem::server

#endif  // IDEM_SERVER_COMMANDS_EXPIRY_H_
