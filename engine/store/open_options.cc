#include "store/open_options.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "log/record.h"
#include "log/steps.h"
#include "store/limits.h"

namespace idem::engine {
namespace {

absl::Status Within(std::string_view name, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(name) + " must be " + std::to_string(low) + " to " +
                                    std::to_string(high) + ", not " +
                                    std::to_string(static_cast<int64_t>(value)));
}

// `of` stands before the names: empty, or "namespace orders: ".
absl::Status ValidatePolicy(const std::string& of, const Policy& policy) {
  const auto lease_ms = static_cast<uint64_t>(policy.default_lease_ms);
  const auto retention_ms = static_cast<uint64_t>(policy.default_retention_ms);
  absl::Status status = Within(of + "default_lease_ms", lease_ms, 1, kLeaseMsMax);
  status.Update(Within(of + "default_retention_ms", retention_ms, 1, kRetentionMsMax));
  status.Update(Within(of + "max_response_bytes", policy.max_response_bytes, 0, kResponseBytesMax));
  status.Update(Within(of + "max_steps", policy.max_steps, 0, kStepsMax));
  status.Update(Within(of + "max_step_bytes", policy.max_step_bytes, 0, kStepBytesMax));
  if (policy.default_retention_ms < policy.default_lease_ms) {
    status.Update(absl::InvalidArgumentError(
        of + "default_retention_ms is shorter than default_lease_ms; make it at least as long"));
  }
  return status;
}

absl::Status ValidateNamespaces(const Options& options) {
  absl::Status status =
      Within("number of namespaces", options.namespaces.size(), 0, NamespaceOptions::kMax);
  std::set<std::string_view> names;
  for (const NamespaceOptions& space : options.namespaces) {
    const std::string of = "namespace " + space.name + ": ";
    status.Update(Within("bytes of a namespace's name", space.name.size(), 1,
                         NamespaceOptions::kNameBytesMax));
    if (space.name.find(':') != std::string::npos) {
      status.Update(absl::InvalidArgumentError(of + "a name has no ':'; it ends before the first"));
    }
    if (!names.insert(space.name).second) {
      status.Update(absl::InvalidArgumentError(of + "it is there twice; leave one out"));
    }
    status.Update(ValidatePolicy(of, space.policy));
  }
  return status;
}

absl::Status ValidateTimes(const Options& options) {
  const auto unsigned_ms = [](int64_t ms) { return static_cast<uint64_t>(ms); };
  absl::Status status =
      Within("sync_interval_ms", unsigned_ms(options.sync_interval_ms), 1, 60'000);
  if (options.restart_grace_ms != -1) {
    status.Update(
        Within("restart_grace_ms", unsigned_ms(options.restart_grace_ms), 0, kLeaseMsMax));
  }
  return status;
}

// A record with its batch header and padding, twice, so that one fits whatever stands before it.
uint64_t LeastLogBytes(const Policy& policy) {
  const size_t value_bytes = std::max<size_t>(
      policy.max_response_bytes, PackedStepBytes(policy.max_steps, policy.max_step_bytes));
  return 2 * (MaxRecordBytes(kKeyBytesMax, value_bytes) + (16 << 10));
}

absl::Status ValidateSizes(const Options& options) {
  absl::Status status =
      Within("memory_limit_bytes", options.memory_limit_bytes, 16 << 20, uint64_t{1} << 46);
  status.Update(Within("max_key_waiters", options.max_key_waiters, 0, 1'000'000));
  status.Update(Within("max_waiters", options.max_waiters, 0, 1'000'000));
  status.Update(Within("stripes", options.stripes, 1, 1024));
  status.Update(Within("segment_bytes", options.segment_bytes, 64 << 10, uint64_t{1} << 30));
  status.Update(Within("backlog_bytes", options.backlog_bytes, 64 << 10, uint64_t{1} << 30));
  status.Update(Within("max_pinned_log_bytes", options.max_pinned_log_bytes, 0, uint64_t{1} << 46));
  if (!std::has_single_bit(options.stripes)) {
    status.Update(absl::InvalidArgumentError("stripes must be a power of two"));
  }
  uint64_t least = LeastLogBytes(options.policy);
  for (const NamespaceOptions& space : options.namespaces) {
    least = std::max(least, LeastLogBytes(space.policy));
  }
  if (options.segment_bytes < least || options.backlog_bytes < least) {
    status.Update(absl::InvalidArgumentError(
        "segment_bytes and backlog_bytes must be at least " + std::to_string(least) +
        " to hold responses of max_response_bytes and steps of max_step_bytes; raise them or "
        "lower these"));
  }
  return status;
}

}  // namespace

absl::Status ValidateOptions(const Options& options) {
  absl::Status status = ValidatePolicy("", options.policy);
  status.Update(ValidateNamespaces(options));
  status.Update(ValidateTimes(options));
  status.Update(ValidateSizes(options));
  const bool in_memory = options.durability == Durability::kMemory;
  if (in_memory != options.directory.empty()) {
    status.Update(absl::InvalidArgumentError(
        in_memory ? "a store in memory mode has no directory; leave it empty"
                  : "directory is empty; name one, or choose Durability::kMemory"));
  }
  if (options.clock == nullptr || options.file_system == nullptr) {
    status.Update(absl::InvalidArgumentError("clock and file_system must not be null"));
  }
  return status;
}

}  // namespace idem::engine
