// A retry that comes after its record was forgotten. Every store of keys forgets one day; what
// then?
//
// Before: the key is unknown, so the retry runs as new, and the card is charged twice.
//
// After: the caller says when the request was issued. Where nothing is known of a request that is
// older than what is remembered, it does not run: TooOld, for the caller to look whether it was
// done. Keys that are UUIDv7 or ULIDs tell their time themselves.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <variant>

#include "idem/clock.h"
#include "idem/issue_time.h"
#include "idem/store.h"

namespace {

constexpr int64_t kHourMs = 3'600'000;
constexpr char kKey[] = "018cc251-f400-7000-8000-00000000002a";  // a UUIDv7

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "late_retry: %s\n", what);
  std::exit(1);
}

// One request: charges, replays, or finds out that it cannot know.
std::string Pay(idem::Store& store, int64_t issued_unix_ms, int& charges) {
  auto answer = store.Begin(kKey, {}, {.issued_unix_ms = issued_unix_ms});
  Expect(answer.ok(), "begins");
  if (std::holds_alternative<idem::TooOld>(*answer)) return "410 look whether it was done";
  if (auto* replay = std::get_if<idem::Replay>(&*answer)) {
    return "201 " + std::string(replay->response.bytes()) + ", replayed";
  }
  ++charges;
  Expect(std::get<idem::Claim>(*answer).Complete("receipt").ok(), "completes");
  return "201 receipt";
}

// The request, a retry, and one more a day and an hour later. How often it was charged.
int Retry(bool says_when) {
  const int64_t issued_ms = idem::IssueTimeOf(kKey).value();
  idem::FakeClock clock(/*boot_ms=*/1'000'000, /*wall_ms=*/issued_ms);
  auto store = idem::Store::Open({.durability = idem::Durability::kMemory, .clock = &clock});
  Expect(store.ok(), "opens");
  int charges = 0;
  int hour = 0;
  for (const int next : {0, 1, 25}) {
    clock.Advance((next - hour) * kHourMs);
    hour = next;
    const std::string told = Pay(**store, says_when ? issued_ms : 0, charges);
    std::printf("  %2d h later: %s\n", hour, told.c_str());
  }
  return charges;
}

}  // namespace

int main() {
  std::printf("before (a key alone):\n");
  Expect(Retry(/*says_when=*/false) == 2, "a day is over");
  std::printf("after (and its time of issue):\n");
  Expect(Retry(/*says_when=*/true) == 1, "charges once");
  return 0;
}
