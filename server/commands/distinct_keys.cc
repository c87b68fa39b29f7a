#include "server/commands/distinct_keys.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr size_t kKeysAtOnce = 64;  // what the store changes atomically

}  // namespace

std::vector<size_t> DistinctKeys(const Call& call, Plan& plan) {
  const Arguments args = call.args;
  std::vector<size_t> found;
  const auto step = static_cast<size_t>(call.command.keys.step);
  for (size_t i = 1; i < args.size(); i += step) found.push_back(i);
  if (found.size() > 1) {
    std::stable_sort(found.begin(), found.end(),
                     [args](size_t a, size_t b) { return args[a] < args[b]; });
    const auto kept = std::unique(found.rbegin(), found.rend(),
                                  [args](size_t a, size_t b) { return args[a] == args[b]; });
    found.erase(found.begin(), kept.base());
    plan.SetAtomic();
  }
  if (found.size() > kKeysAtOnce) {
    plan.Fail(absl::StrCat("ERR '", Absl(call.command.name), "' takes at most ", kKeysAtOnce,
                           " keys, because it changes all or none; send several commands"));
  }
  return found;
}

}  // namespace idem::server
