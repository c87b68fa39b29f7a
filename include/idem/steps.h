// Steps: named checkpoints with a little data, which an owner makes while its request runs.
//
// "charged" and the receipt, then the mail: whoever claims the key after a crash is handed the
// steps made so far, and goes on behind them. They are kept over retries and takeovers, and go with
// the finish.
#ifndef IDEM_STEPS_H_
#define IDEM_STEPS_H_

#include <string_view>
#include <vector>

namespace idem {

struct Step {
  std::string_view name;  // 1 .. 255 bytes
  std::string_view data;  // empty too if its data was forgotten (IDEM.FORGET key BODY)

  friend bool operator==(const Step&, const Step&) = default;
};

// The steps of a record as a Reply has them, in the order in which they were made. They view
// `packed`.
std::vector<Step> UnpackSteps(std::string_view packed);

}  // namespace idem

#endif  // IDEM_STEPS_H_
