// Two effects under one key, and a crash between them: the retry is told of the step that was made,
// and does only the other one.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "idem/store.h"

namespace {

int charges = 0;
int mails = 0;

std::string Charge(std::string_view order) {
  ++charges;
  return "receipt for " + std::string(order);
}

void Mail(std::string_view text) {
  ++mails;
  std::printf("mail: %.*s\n", static_cast<int>(text.size()), text.data());
}

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "charge_then_mail: %s\n", what);
  std::exit(1);
}

// What an attempt before has noted under this name; empty if none has.
std::string Noted(const idem::Claim& claim, std::string_view name) {
  for (const idem::Step& step : claim.steps()) {
    if (step.name == name) return std::string(step.data);
  }
  return {};
}

// False: this attempt died between the two effects.
bool Fulfil(idem::Store& store, std::string_view order, bool crashes) {
  auto answer = store.Begin(order, store.FingerprintOf({order}), {.lease_ms = 1000});
  Expect(answer.ok(), "begins");
  if (std::holds_alternative<idem::Replay>(*answer)) return true;
  auto& claim = std::get<idem::Claim>(*answer);
  std::string receipt = Noted(claim, "charged");
  if (receipt.empty()) {
    receipt = Charge(order);
    Expect(claim.Step("charged", receipt).ok(), "makes the step");  // on disk from here on
  }
  if (crashes) return false;
  Mail(receipt);
  return claim.Complete(receipt).ok();
}

void Play(const std::string& directory) {
  idem::FakeClock clock;  // so that nobody has to wait for a lease to end
  const idem::Options options = {.directory = directory, .restart_grace_ms = 0, .clock = &clock};
  {
    auto store = idem::Store::Open(options);
    Expect(store.ok(), "opens");
    Expect(!Fulfil(**store, "order-7", /*crashes=*/true), "crashes");
  }
  auto store = idem::Store::Open(options);
  Expect(store.ok(), "opens again");
  clock.Advance(1000);
  Expect(Fulfil(**store, "order-7", false), "is fulfilled by the retry");
  Expect(Fulfil(**store, "order-7", false), "is known to be fulfilled");
  Expect(charges == 1, "charged once");
  Expect(mails == 1, "mailed once");
}

}  // namespace

int main() {
  std::string directory = std::filesystem::temp_directory_path() / "idem-steps-XXXXXX";
  Expect(mkdtemp(directory.data()) != nullptr, "makes a directory");
  Play(directory);
  std::filesystem::remove_all(directory);
  std::printf("crashed between the two: charged once, mailed once\n");
  return 0;
}
