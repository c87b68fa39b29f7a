// Damage to the files of a small store, T6's oracle: a state that it once had, with all that was
// durable, or a refusal. Each step hits one place; later ones hit what earlier ones have left.
//
//   input: steps; each a kind, a file, a place, and what the kind needs
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <string>

#include "tests/fuzz/expect.h"
#include "tests/support/store_with_snapshots.h"

namespace idem::engine {
namespace {

using Files = StoreWithSnapshots::Files;

const std::string& NameOf(const Files& files, FuzzedDataProvider& input) {
  const size_t which = input.ConsumeIntegralInRange<size_t>(0, files.size() - 1);
  return std::next(files.begin(), static_cast<std::ptrdiff_t>(which))->first;
}

// Zeros from here to the end are what a log looks like that was never written so far: what was not
// durable may be missing, and no one can tell.
void DamageOnce(const Files& whole, Files& files, FuzzedDataProvider& input) {
  std::string& bytes = files[NameOf(files, input)];
  const size_t at = input.ConsumeIntegralInRange<size_t>(0, bytes.size());
  const size_t length = std::min<size_t>(input.ConsumeIntegral<uint16_t>(), bytes.size() - at);
  switch (input.ConsumeIntegralInRange(0, 6)) {
    case 0:
      if (at < bytes.size())
        bytes[at] = static_cast<char>(bytes[at] ^ input.ConsumeIntegral<char>());
      break;
    case 1:
      bytes.replace(at, length, input.ConsumeRandomLengthString(300));
      break;
    case 2:
      bytes.replace(at, length, length, '\0');
      break;
    case 3:
      bytes.resize(at);
      break;
    case 4: {  // of another file, or of this one
      const std::string& from = whole.at(NameOf(whole, input));
      const size_t from_at = input.ConsumeIntegralInRange<size_t>(0, from.size());
      bytes.replace(at, std::min(length, from.size() - from_at), from, from_at, length);
      break;
    }
    case 5:
      bytes = whole.at(NameOf(whole, input));
      break;
    case 6:
      bytes.insert(at, length, input.ConsumeIntegral<char>());
  }
}

void Damage(FuzzedDataProvider& input) {
  static const StoreWithSnapshots& store = *new StoreWithSnapshots();
  Files files = store.files();
  while (input.remaining_bytes() > 0) DamageOnce(store.files(), files, input);
  store.Check(files);
  Expect(!testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed(), "see above");
}

}  // namespace
}  // namespace idem::engine

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t count) {
  FuzzedDataProvider input(bytes, count);
  idem::engine::Damage(input);
  return 0;
}
