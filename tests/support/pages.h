// The pages of a pool, counted from outside.
#ifndef IDEM_TESTS_SUPPORT_PAGES_H_
#define IDEM_TESTS_SUPPORT_PAGES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/page_pool.h"

namespace idem::engine {

using Pages = std::vector<uint32_t>;

// Takes all that stand by, but for `left`.
inline Pages TakePages(PagePool& pool, size_t left = 0) {
  Pages pages;
  for (uint32_t page; (page = pool.Take()) != PagePool::kNoPage;) pages.push_back(page);
  for (; left > 0 && !pages.empty(); --left) {
    pool.Give(pages.back());
    pages.pop_back();
  }
  return pages;
}

inline void GivePages(PagePool& pool, const Pages& pages) {
  for (const uint32_t page : pages) pool.Give(page);
}

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_PAGES_H_
