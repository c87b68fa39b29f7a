// The machine by itself: every call waits for a microsecond, and does nothing. What one takes
// beyond that, interrupts and the hypervisor have taken; they take the same from the calls of all
// tables.
#include <memory>

#include "bench/table/block.h"
#include "bench/table/table.h"
#include "bench/table/tables.h"

namespace idem::bench {
namespace {

constexpr int64_t kCallNs = 1000;

class Machine final : public OneByOne<Machine> {
 public:
  bool InsertOne(const Item& item) { return FindOne(item); }
  bool FindOne(const Item&) {
    const int64_t end = NowNs() + kCallNs;
    while (NowNs() < end) {
    }
    return true;
  }
};

}  // namespace

std::unique_ptr<Table> MakeMachine(const TableOptions&) { return std::make_unique<Machine>(); }

}  // namespace idem::bench
