#include "server/options.h"

#include <cstddef>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace idem::server {

std::string DurabilityName(const Options& options) {
  switch (options.durability) {
    case Durability::kAlways:
      return "always";
    case Durability::kInterval:
      return options.sync_interval_ms == 1000
                 ? "everysec"
                 : absl::StrCat("interval ", options.sync_interval_ms, " ms");
    case Durability::kOs:
      return "os";
    case Durability::kMemory:
      return "memory";
  }
  return "";
}

std::string HumanBytes(uint64_t bytes) {
  static constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  size_t unit = 0;
  for (; value >= 1024 && unit + 1 < std::size(kUnits); ++unit) value /= 1024;
  return unit == 0 ? absl::StrCat(bytes, " B") : absl::StrFormat("%.1f %s", value, kUnits[unit]);
}

}  // namespace idem::server
