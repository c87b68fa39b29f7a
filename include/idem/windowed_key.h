// The key of a request whose client sends none: what was asked, and in which window of time.
//
//   store->Begin({store->FingerprintOf({tenant, "POST /orders", body}), issued_unix_ms, 60'000});
//
// Services hash the body, the endpoint and the minute, and take that for a key. Their retries that
// cross a minute's end run twice. Begin looks into the neighbour windows, too:
//
//   window   |   i-1   |    i    |   i+1   |      the first of them is claimed under i, and i-1 and
//                      first^  ^retry             i+1 stay empty: a retry that was issued in any of
//                               ^one more         the three is answered from i
//
// Promised, whatever the order in which they come, however many at once, over any crash:
//   Of two requests that were issued less than window_ms apart one runs, and the other is told what
//   became of it. Two that were issued two windows or more apart do not know of each other. Between
//   these it depends on where the windows begin.
//   Of the options of Begin issued_unix_ms, wait_ms and nowait are not used.
//   A request so late that what it would find may have been forgotten is TooOld; see BeginOptions.
//
// The windows are those of the time of issue, by the wall clocks of whoever issues: two clocks that
// differ count as time between the requests. Take it from what is sent again with a retry. Where
// there is nothing of that kind do not use this: with the request's hash for a key, and the window
// for its retention, Begin has no windows, no borders, and no wall clock.
#ifndef IDEM_WINDOWED_KEY_H_
#define IDEM_WINDOWED_KEY_H_

#include <cstdint>
#include <string_view>

#include "idem/fingerprint.h"

namespace idem {

struct WindowedKey {
  Fingerprint request = {};    // of all that makes two requests one; not kNone
  int64_t issued_unix_ms = 0;  // 1 or more
  int64_t window_ms = 0;       // 1 or more; twice as long is shorter than the retention
  // Not empty: the key under which a claim stands begins with it, and a colon.
  std::string_view scope = {};
};

}  // namespace idem

#endif  // IDEM_WINDOWED_KEY_H_
