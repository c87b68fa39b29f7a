// The README's sample (readme_test.py compares the two), run until it has given all four answers.
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "idem/store.h"

namespace {

int charges = 0;

std::string Charge(std::string_view body) {
  ++charges;
  return "receipt for " + std::string(body);
}

// README: from here
std::string Pay(idem::Store& store, std::string_view key, std::string_view body) {
  auto answer = store.Begin(key, store.FingerprintOf({"POST /charges", body}));
  if (!answer.ok()) return "503 " + std::string(answer.status().message());
  if (auto* claim = std::get_if<idem::Claim>(&*answer)) {
    const std::string receipt = Charge(body);  // runs once, whoever asks how often
    const absl::Status done = claim->Complete(receipt, {.code = 201});
    return done.ok() ? "201 " + receipt : "503 " + std::string(done.message());
  }
  if (auto* replay = std::get_if<idem::Replay>(&*answer)) {
    return std::to_string(replay->code) + " " + std::string(replay->response.bytes());
  }
  if (auto* busy = std::get_if<idem::Busy>(&*answer)) {
    return "409 retry in " + std::to_string(busy->retry_after_ms) + " ms";
  }
  return "422 this key was used for another request";  // Mismatch
}

absl::StatusOr<std::unique_ptr<idem::Store>> OpenStore(const std::string& directory) {
  return idem::Store::Open({.directory = directory});  // default: durable before it answers
}
// README: to here

void Expect(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "quickstart: %s\n", what);
  std::exit(1);
}

void Play(const std::string& directory) {
  {
    auto store = OpenStore(directory);
    Expect(store.ok(), "opens");
    Expect(Pay(**store, "order-7", "card 42") == "201 receipt for card 42", "runs");
    Expect(Pay(**store, "order-7", "card 42") == "201 receipt for card 42", "replays");
    Expect(Pay(**store, "order-7", "card 43").starts_with("422"), "tells another request apart");
    const auto running =
        (*store)->Begin("order-8", (*store)->FingerprintOf({"POST /charges", "x"}));
    Expect(running.ok() && std::holds_alternative<idem::Claim>(*running), "claims");
    Expect(Pay(**store, "order-8", "x").starts_with("409"), "is busy");
  }
  auto store = OpenStore(directory);
  Expect(store.ok(), "opens again");
  Expect(Pay(**store, "order-7", "card 42") == "201 receipt for card 42",
         "replays after a restart");
  Expect(charges == 1, "charged once");
}

}  // namespace

int main() {
  std::string directory = std::filesystem::temp_directory_path() / "idem-quickstart-XXXXXX";
  Expect(mkdtemp(directory.data()) != nullptr, "makes a directory");
  Play(directory);
  std::filesystem::remove_all(directory);
  std::printf("charged once, replayed twice\n");
  return 0;
}
