// Orders whose clients send no idempotency key: an order that looks like the one before it, issued
// within the same minute, is the same order, sent again.
//
// Before: the key is a hash of the order and of its minute. The retry of an order that was issued
// just before the minute's end comes just behind it, has another key, and is delivered twice.
//
// After: a WindowedKey, which looks into the neighbour minutes, too.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <variant>

#include "idem/store.h"

namespace {

constexpr int64_t kMinuteMs = 60'000;

struct Order {
  std::string_view body;
  int64_t issued_unix_ms;  // the client's own time stamp
};

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "windowed orders: %s\n", what);
  std::exit(1);
}

absl::StatusOr<idem::Answer> BeginBefore(idem::Store& store, const Order& order) {
  const std::string minute = std::to_string(order.issued_unix_ms / kMinuteMs);
  return store.Begin(std::string(order.body) + "@" + minute, {});
}

absl::StatusOr<idem::Answer> BeginAfter(idem::Store& store, const Order& order) {
  return store.Begin({.request = store.FingerprintOf({"POST /orders", order.body}),
                      .issued_unix_ms = order.issued_unix_ms,
                      .window_ms = kMinuteMs});
}

using Begin = std::function<absl::StatusOr<idem::Answer>(idem::Store&, const Order&)>;

// How many of the orders are delivered.
int Deliver(const Begin& begin, std::initializer_list<Order> orders) {
  auto store = idem::Store::Open({.durability = idem::Durability::kMemory});
  Expect(store.ok(), "opens");
  int delivered = 0;
  for (const Order& order : orders) {
    absl::StatusOr<idem::Answer> answer = begin(**store, order);
    Expect(answer.ok(), "begins");
    if (auto* claim = std::get_if<idem::Claim>(&*answer)) {
      const std::string number = std::to_string(++delivered);
      Expect(claim->Complete("delivery " + number).ok(), "completes");
    }
  }
  return delivered;
}

}  // namespace

int main() {
  // A minute begins a while after now. The second order is a retry, the last one a new order.
  const int64_t border_ms = (idem::Clock::System()->WallMs() / kMinuteMs + 1) * kMinuteMs;
  const std::initializer_list<Order> orders = {
      {"two pizzas", border_ms - 200},
      {"two pizzas", border_ms + 100},
      {"two pizzas", border_ms + 10 * kMinuteMs},
  };
  const int before = Deliver(BeginBefore, orders);
  std::printf("before (hash and minute): %d deliveries\n", before);
  Expect(before == 3, "the border is there");

  const int after = Deliver(BeginAfter, orders);
  std::printf("after (WindowedKey):      %d deliveries\n", after);
  Expect(after == 2, "the border is gone");
  return 0;
}
