#include "store/open_options.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>

#include "log/record.h"
#include "log/steps.h"
#include "store/limits.h"

namespace idem::engine {
namespace {

absl::Status Within(const char* name, uint64_t value, uint64_t low, uint64_t high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(name) + " must be " + std::to_string(low) + " to " +
                                    std::to_string(high) + ", not " +
                                    std::to_string(static_cast<int64_t>(value)));
}

absl::Status ValidateTimes(const Options& options) {
  const auto unsigned_ms = [](int64_t ms) { return static_cast<uint64_t>(ms); };
  absl::Status status =
      Within("default_lease_ms", unsigned_ms(options.default_lease_ms), 1, kLeaseMsMax);
  status.Update(Within("default_retention_ms", unsigned_ms(options.default_retention_ms), 1,
                       kRetentionMsMax));
  status.Update(Within("sync_interval_ms", unsigned_ms(options.sync_interval_ms), 1, 60'000));
  if (options.restart_grace_ms != -1) {
    status.Update(
        Within("restart_grace_ms", unsigned_ms(options.restart_grace_ms), 0, kLeaseMsMax));
  }
  if (options.default_retention_ms < options.default_lease_ms) {
    status.Update(absl::InvalidArgumentError(
        "default_retention_ms is shorter than default_lease_ms; make it at least as long"));
  }
  return status;
}

absl::Status ValidateSizes(const Options& options) {
  absl::Status status =
      Within("memory_limit_bytes", options.memory_limit_bytes, 16 << 20, uint64_t{1} << 46);
  status.Update(Within("max_response_bytes", options.max_response_bytes, 0, kResponseBytesMax));
  status.Update(Within("max_steps", options.max_steps, 0, kStepsMax));
  status.Update(Within("max_step_bytes", options.max_step_bytes, 0, kStepBytesMax));
  status.Update(Within("max_key_waiters", options.max_key_waiters, 0, 1'000'000));
  status.Update(Within("max_waiters", options.max_waiters, 0, 1'000'000));
  status.Update(Within("stripes", options.stripes, 1, 1024));
  status.Update(Within("segment_bytes", options.segment_bytes, 64 << 10, uint64_t{1} << 30));
  status.Update(Within("backlog_bytes", options.backlog_bytes, 64 << 10, uint64_t{1} << 30));
  status.Update(Within("max_pinned_log_bytes", options.max_pinned_log_bytes, 0, uint64_t{1} << 46));
  if (!std::has_single_bit(options.stripes)) {
    status.Update(absl::InvalidArgumentError("stripes must be a power of two"));
  }
  // A record with its batch header and padding, twice, so that one fits whatever stands before it.
  const size_t value_bytes = std::max<size_t>(
      options.max_response_bytes, PackedStepBytes(options.max_steps, options.max_step_bytes));
  const uint64_t largest = MaxRecordBytes(kKeyBytesMax, value_bytes) + (16 << 10);
  if (options.segment_bytes < 2 * largest || options.backlog_bytes < 2 * largest) {
    status.Update(absl::InvalidArgumentError(
        "segment_bytes and backlog_bytes must be at least " + std::to_string(2 * largest) +
        " to hold responses of max_response_bytes and steps of max_step_bytes; raise them or "
        "lower these"));
  }
  return status;
}

}  // namespace

absl::Status ValidateOptions(const Options& options) {
  absl::Status status = ValidateTimes(options);
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
