#include "server/admin/metrics_text.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "server/text.h"

namespace idem::server {
namespace {

constexpr std::string_view kNoBound;

std::string Escaped(std::string_view value) {
  return absl::StrReplaceAll(Absl(value), {{"\\", "\\\\"}, {"\"", "\\\""}, {"\n", "\\n"}});
}

std::string Number(double value) { return absl::StrFormat("%.15g", value); }

}  // namespace

void MetricsText::Family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = name;
  absl::StrAppend(&text_, "# HELP ", name_, " ", Absl(help), "\n# TYPE ", name_, " ", Absl(type),
                  "\n");
}

void MetricsText::Sample(uint64_t value, Labels labels) {
  Line("", labels, kNoBound, std::to_string(value));
}

void MetricsText::Seconds(double value, Labels labels) {
  Line("", labels, kNoBound, Number(value));
}

void MetricsText::Histogram(const DurationTotals& totals, Labels labels) {
  std::array<double, kDurationBounds> bounds;
  for (size_t i = 0; i < kDurationBounds; ++i) {
    bounds[i] = static_cast<double>(DurationBoundUs(i)) / 1e6;
  }
  Histogram(bounds, totals.buckets, totals.count, static_cast<double>(totals.sum_ns) / 1e9, labels);
}

void MetricsText::Histogram(std::span<const double> bounds, std::span<const uint64_t> counts,
                            uint64_t total, double sum, Labels labels) {
  uint64_t up_to = 0;
  for (size_t i = 0; i < bounds.size(); ++i) {
    up_to += counts[i];
    Line("_bucket", labels, Number(bounds[i]), std::to_string(up_to));
  }
  Line("_bucket", labels, "+Inf", std::to_string(total));
  Line("_sum", labels, kNoBound, Number(sum));
  Line("_count", labels, kNoBound, std::to_string(total));
}

void MetricsText::Counter(std::string_view name, std::string_view help, uint64_t value) {
  Family(name, "counter", help);
  Sample(value);
}

void MetricsText::Gauge(std::string_view name, std::string_view help, uint64_t value) {
  Family(name, "gauge", help);
  Sample(value);
}

void MetricsText::GaugeSeconds(std::string_view name, std::string_view help, double value) {
  Family(name, "gauge", help);
  Seconds(value);
}

// name_suffix{label="value",le="bound"} value
void MetricsText::Line(std::string_view suffix, Labels labels, std::string_view bound,
                       std::string_view value) {
  absl::StrAppend(&text_, name_, Absl(suffix));
  const char* separator = "{";
  for (const Label& label : labels) {
    absl::StrAppend(&text_, separator, Absl(label.name), "=\"", Escaped(label.value), "\"");
    separator = ",";
  }
  if (!bound.empty()) {
    absl::StrAppend(&text_, separator, "le=\"", Absl(bound), "\"");
    separator = ",";
  }
  absl::StrAppend(&text_, *separator == ',' ? "} " : " ", Absl(value), "\n");
}

}  // namespace idem::server
