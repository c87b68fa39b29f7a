// The pages of a pool, counted from outside.
#ifndef IDEM_TESTS_SUPPORT_PAGES_H_
#define IDEM_TESTS_SUPPORT_PAGES_H_

#include <cstddef>
#include <vector>

#include "base/page_pool.h"

namespace idem::engine {

// Takes all that stand by, but for `left`.
inline std::vector<char*> TakePages(PagePool& pool, size_t left = 0) {
  std::vector<char*> pages;
  while (char* page = pool.Take()) pages.push_back(page);
  for (; left > 0 && !pages.empty(); --left) {
    pool.Give(pages.back());
    pages.pop_back();
  }
  return pages;
}

inline void GivePages(PagePool& pool, const std::vector<char*>& pages) {
  for (char* page : pages) pool.Give(page);
}

inline size_t CountPages(PagePool& pool) {
  const std::vector<char*> pages = TakePages(pool);
  GivePages(pool, pages);
  return pages.size();
}

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_PAGES_H_
