// Walks the options behind a command's fixed arguments: any order, any letter case.
//
//   OptionReader options(call, 2, plan.error());
//   while (options.Next()) {
//     if (options.Is("LEASE")) request.lease_ms = options.Integer();
//     else if (options.Is("HOLD")) request.hold = true;
//     else options.Unknown();
//   }
//
// The first fault becomes the error and ends the walk; values read after it are empty.
// Our own commands say which word is wrong and how the command is used, the others what Redis says.
//
// Thread rule: none; lives within one call of plan or run.
#ifndef IDEM_SERVER_OPTION_READER_H_
#define IDEM_SERVER_OPTION_READER_H_

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "server/command.h"
#include "server/short_word.h"

namespace idem::server {

class OptionReader {
 public:
  // The options begin with args[first].
  OptionReader(const Call& call, size_t first, std::string* error)
      : call_(call), error_(error), next_(first) {}

  // Steps to the next option; false at the end and after a fault.
  bool Next();
  // Is it this word?
  bool Is(const ShortWord& word) const { return packed_ == word; }
  // The argument behind the option, which must be there.
  std::string_view Value();
  // Is the argument behind the option this word? Then it is read.
  bool Takes(const ShortWord& word);
  // The same as a number from `low` to `high`.
  int64_t Integer(int64_t low = std::numeric_limits<int64_t>::min(),
                  int64_t high = std::numeric_limits<int64_t>::max());
  // The option is none of this command's, or does not go with another one.
  void Unknown();

 private:
  const Call& call_;
  std::string* error_;
  size_t next_;
  std::string_view word_;
  ShortWord packed_;  // the same
};

// A number among the fixed arguments, from `low` to `high`; 0 after a fault.
int64_t IntegerArgument(const Call& call, size_t index, std::string_view what, int64_t low,
                        int64_t high, std::string* error);

}  // namespace idem::server

#endif  // IDEM_SERVER_OPTION_READER_H_
