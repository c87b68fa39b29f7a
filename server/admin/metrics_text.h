// Writes Prometheus' text format.
//
//   text.Family("idem_claims_total", "counter", "Answers to IDEM.BEGIN.");
//   text.Sample(stats.replays, {{"result", "replay"}});
//
// Thread rule: none; plain value.
#ifndef IDEM_SERVER_ADMIN_METRICS_TEXT_H_
#define IDEM_SERVER_ADMIN_METRICS_TEXT_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "server/command_stats.h"

namespace idem::server {

class MetricsText {
 public:
  struct Label {
    std::string_view name;
    std::string_view value;  // any bytes
  };
  using Labels = std::initializer_list<Label>;

  // What the next samples belong to. `help` is one line.
  void Family(std::string_view name, std::string_view type, std::string_view help);
  void Sample(uint64_t value, Labels labels = {});
  void Seconds(double value, Labels labels = {});
  // The buckets, sum and count of a family of type histogram.
  void Histogram(const DurationTotals& totals, Labels labels = {});
  // The same with bounds in seconds, how many are up to each and above the one before, how many
  // there are in all, and their sum.
  void Histogram(std::span<const double> bounds, std::span<const uint64_t> counts, uint64_t total,
                 double sum, Labels labels = {});

  // A family of one sample.
  void Counter(std::string_view name, std::string_view help, uint64_t value);
  void Gauge(std::string_view name, std::string_view help, uint64_t value);
  void GaugeSeconds(std::string_view name, std::string_view help, double value);

  const std::string& text() const { return text_; }

 private:
  void Line(std::string_view suffix, Labels labels, std::string_view bound, std::string_view value);

  std::string text_;
  std::string name_;
};

}  // namespace idem::server

#endif  // IDEM_SERVER_ADMIN_METRICS_TEXT_H_
