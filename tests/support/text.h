// Replies and entries as one line of text: to compare them, and to read why a test failed.
#ifndef IDEM_TESTS_SUPPORT_TEXT_H_
#define IDEM_TESTS_SUPPORT_TEXT_H_

#include <string>

#include "idem/request.h"
#include "log/image.h"

namespace idem::engine {

const char* Name(Op op);
const char* Name(Outcome outcome);
const char* Name(State state);

std::string Text(const Fingerprint& fingerprint);
// What a caller may read of the reply to `op`: the fields that request.h names beside its outcome.
std::string Text(Op op, const Reply& reply);
// All that counts of an entry.
std::string Text(const Image& image);

}  // namespace idem::engine

#endif  // IDEM_TESTS_SUPPORT_TEXT_H_
