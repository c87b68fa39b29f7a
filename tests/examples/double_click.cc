// A button that is clicked twice, while the first click still runs: one charge, and both clicks get
// the one receipt. If the first one fails, the second gets the claim and runs.
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "idem/store.h"

namespace {

std::atomic<int> charges{0};
std::atomic<int> declined{0};

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "double_click: %s\n", what);
  std::exit(1);
}

// The first attempt at each order is declined without effect.
bool Charge(const idem::Claim& claim) {
  if (claim.attempt() == 1) {
    ++declined;
    return false;
  }
  ++charges;
  return true;
}

// One click, on a thread of its own.
std::string Pay(idem::Store& store, const std::string& order) {
  for (;;) {
    auto answer = store.Begin(order, store.FingerprintOf({order}), {.wait_ms = 10'000});
    Expect(answer.ok(), "begins");
    if (auto* replay = std::get_if<idem::Replay>(&*answer)) {
      return std::string(replay->response.bytes());
    }
    auto* const claim = std::get_if<idem::Claim>(&*answer);
    if (claim == nullptr) continue;  // Busy: ten seconds were not enough
    if (Charge(*claim)) {
      const std::string receipt = "receipt for " + order;
      Expect(claim->Complete(receipt).ok(), "completes");
      return receipt;
    }
    Expect(claim->FailRetry().ok(), "fails");  // the one who has waited longest gets the claim
  }
}

}  // namespace

int main() {
  constexpr int kOrders = 20;
  constexpr int kClicks = 4;
  auto store = idem::Store::Open({.durability = idem::Durability::kMemory});
  Expect(store.ok(), "opens");
  for (int i = 0; i < kOrders; ++i) {
    const std::string order = "order-" + std::to_string(i);
    std::vector<std::string> receipts(kClicks);
    std::vector<std::thread> clicks;
    for (std::string& receipt : receipts) {
      clicks.emplace_back([&, order] { receipt = Pay(**store, order); });
    }
    for (std::thread& click : clicks) click.join();
    for (const std::string& receipt : receipts) Expect(receipt == "receipt for " + order, "tells");
  }
  Expect(charges == kOrders, "charges each order once");
  Expect(declined == kOrders, "is declined once for each order");
  std::printf("%d orders, clicked %d times each: charged %d times\n", kOrders, kClicks,
              charges.load());
  return 0;
}
