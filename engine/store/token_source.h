// Where tokens come from: ranges that the log grants, one number at a time, never twice.
//
// Thread rule: Next and LowOnTokens from any thread; Refill from one at a time.
#ifndef IDEM_STORE_TOKEN_SOURCE_H_
#define IDEM_STORE_TOKEN_SOURCE_H_

#include <atomic>

#include "idem/answer.h"
#include "log/log.h"

namespace idem::engine {

class TokenSource {
 public:
  explicit TokenSource(TokenRange range) : next_(range.first), limit_(range.limit) {}

  // Rises with every call; 0 when the range is used up (then Refill did not come in time, and
  // claims are refused). Never moves past the limit, so that a Refill cannot make a number good
  // that was refused before.
  Token Next() {
    Token token = next_.load(std::memory_order_relaxed);
    do {
      if (token >= limit_.load(std::memory_order_acquire)) return 0;
    } while (!next_.compare_exchange_weak(token, token + 1, std::memory_order_acq_rel));
    return token;
  }

  // Half of what an epoch holds is used: time to ask the log for the next one.
  bool LowOnTokens() const {
    const Token limit = limit_.load(std::memory_order_relaxed);
    return next_.load(std::memory_order_relaxed) + (Token{1} << 31) >= limit;
  }

  // `range` lies above all that were granted before. The first number moves before the limit does,
  // so that no number between the ranges can slip out.
  void Refill(TokenRange range) {
    Token next = next_.load(std::memory_order_relaxed);
    while (next < range.first && !next_.compare_exchange_weak(next, range.first)) {
    }
    limit_.store(range.limit, std::memory_order_release);
  }

 private:
  std::atomic<Token> next_;
  std::atomic<Token> limit_;
};

}  // namespace idem::engine

#endif  // IDEM_STORE_TOKEN_SOURCE_H_
