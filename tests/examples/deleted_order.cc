// DELETE, and its retry. The answer to the first one was lost, so the client asks again.
//
// Before: the order is gone, so the retry is told 404, as if it had never been there; the client
// cannot tell "already gone, by me" from "never existed".
//
// After: the finish of the DELETE is stored like any other, and its retry is told the same 204.
// What was refused because there was nothing to delete is not stored: the claim is released.
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <variant>

#include "idem/store.h"

namespace {

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "deleted_order: %s\n", what);
  std::exit(1);
}

using Orders = std::set<std::string>;

int DeleteBefore(Orders& orders, const std::string& order) {
  return orders.erase(order) == 1 ? 204 : 404;
}

// `key` is the Idempotency-Key of the request: the same in its retry.
int DeleteAfter(idem::Store& store, Orders& orders, const std::string& key,
                const std::string& order) {
  auto answer = store.Begin(key, store.FingerprintOf({"DELETE", order}));
  Expect(answer.ok(), "begins");
  if (auto* replay = std::get_if<idem::Replay>(&*answer)) return replay->code;
  auto* const claim = std::get_if<idem::Claim>(&*answer);
  Expect(claim != nullptr, "nobody else asks");
  if (orders.erase(order) == 0) {
    Expect(claim->Release().ok(), "releases");
    return 404;
  }
  Expect(claim->Complete("", {.code = 204}).ok(), "completes");
  return 204;
}

}  // namespace

int main() {
  Orders orders = {"order-1", "order-2"};
  int first = DeleteBefore(orders, "order-1");
  int retry = DeleteBefore(orders, "order-1");
  std::printf("before: DELETE order-1 %d, its retry %d\n", first, retry);
  Expect(first == 204 && retry == 404, "the retry cannot tell");

  auto store = idem::Store::Open({.durability = idem::Durability::kMemory});
  Expect(store.ok(), "opens");
  first = DeleteAfter(**store, orders, "key-2", "order-2");
  retry = DeleteAfter(**store, orders, "key-2", "order-2");
  const int never = DeleteAfter(**store, orders, "key-9", "order-9");
  std::printf("after:  DELETE order-2 %d, its retry %d; order-9, which never was, %d\n", first,
              retry, never);
  Expect(first == 204 && retry == 204 && never == 404, "the retry is told the same");
  return 0;
}
