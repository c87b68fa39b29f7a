// Emptying a buffer of a connection: idle connections are many, so a large one is given back.
#ifndef IDEM_SERVER_CLEAR_AND_TRIM_H_
#define IDEM_SERVER_CLEAR_AND_TRIM_H_

#include <cstddef>

namespace idem::server {

// Keeps the memory of a container whose capacity is at most `kept` elements.
template <typename Container>
void ClearAndTrim(Container* container, size_t kept) {
  if (container->capacity() > kept) {
    Container().swap(*container);
  } else {
    container->clear();
  }
}

}  // namespace idem::server

#endif  // IDEM_SERVER_CLEAR_AND_TRIM_H_
