// Every limit on a single request, and the check that a request keeps them.
#ifndef IDEM_STORE_LIMITS_H_
#define IDEM_STORE_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "idem/policy.h"
#include "idem/request.h"

namespace idem::engine {

inline constexpr size_t kKeyBytesMax = 1024;
inline constexpr size_t kOwnerBytesMax = 64;
inline constexpr int64_t kLeaseMsMax = 86'400'000;            // 24 h
inline constexpr int64_t kRetentionMsMax = 7'776'000'000;     // 90 d
inline constexpr int64_t kDeadlineMsMax = 3'153'600'000'000;  // 100 years, for registers only
inline constexpr int64_t kMomentMsMax = 2 * kDeadlineMsMax;   // of Clock::BootMs
inline constexpr int64_t kRefreshMsMax = 31'536'000'000;      // 365 d
inline constexpr int64_t kWaitMsMax = 60'000;
inline constexpr uint32_t kResponseBytesMax = 16 << 20;
inline constexpr Token kTokenMax = (Token{1} << 53) - 1;

// Null, or what is wrong with the request, under the policy of its key, and what to do about it.
const char* WhyInvalid(const Request& request, const Policy& policy);

}  // namespace idem::engine

#endif  // IDEM_STORE_LIMITS_H_
