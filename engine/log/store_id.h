// The random UUID that tells the files of one store from those of another.
#ifndef IDEM_LOG_STORE_ID_H_
#define IDEM_LOG_STORE_ID_H_

#include <array>
#include <string>

namespace idem::engine {

using StoreId = std::array<char, 16>;

// A version 4 UUID (RFC 4122).
StoreId RandomStoreId();
// "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx"
std::string StoreIdText(const StoreId& id);

}  // namespace idem::engine

#endif  // IDEM_LOG_STORE_ID_H_
