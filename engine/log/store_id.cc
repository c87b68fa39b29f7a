#include "log/store_id.h"

#include <cstdint>
#include <string_view>

#include "absl/strings/escaping.h"
#include "base/coding.h"
#include "base/hash.h"

namespace idem::engine {

StoreId RandomStoreId() {
  StoreId id;
  StoreAt(id.data(), Random64());
  StoreAt(id.data() + 8, Random64());
  id[6] = static_cast<char>((id[6] & 0x0f) | 0x40);  // version 4
  id[8] = static_cast<char>((id[8] & 0x3f) | 0x80);  // variant
  return id;
}

std::string StoreIdText(const StoreId& id) {
  std::string text = absl::BytesToHexString(absl::string_view(id.data(), id.size()));
  for (const size_t dash : {8u, 13u, 18u, 23u}) text.insert(dash, 1, '-');
  return text;
}

}  // namespace idem::engine
