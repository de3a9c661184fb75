// Any bytes: what looks like a HyperLogLog can be counted, merged, described and added to. If its
// registers make sense, the dense one has the same. How to run: driver.cc.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "common/hyperloglog/hyperloglog.h"

namespace {

using keyway::HyperLogLog;

void Check(bool right) {
  if (!right) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The header is mostly right, so that the registers are reached.
  std::string bytes(reinterpret_cast<const char*>(data), size);
  if (size >= 5 && bytes[4] != 0) bytes.replace(0, 5, std::string_view("HYLL\1", 5));
  if (!HyperLogLog::IsValid(bytes)) return 0;
  const auto count = HyperLogLog::Count(bytes);
  HyperLogLog::Registers registers{};
  Check(HyperLogLog::MergeInto(bytes, &registers) == count.has_value());
  if (HyperLogLog::IsSparse(bytes)) HyperLogLog::Describe(bytes);
  std::string dense = bytes;
  Check(HyperLogLog::MakeDense(&dense) == count.has_value());
  if (count.has_value()) {
    Check(HyperLogLog::Count(dense) == *count && HyperLogLog::Count(registers) == *count);
  }
  for (size_t limit : {0, 100, 3000}) {
    std::string changed = bytes;
    for (int i = 0; i < 20; ++i) {
      const int result = HyperLogLog::Add(&changed, limit, std::to_string(i * size));
      Check(HyperLogLog::IsValid(changed));
      Check(result >= 0 || !count.has_value());
      if (result < 0) break;
    }
    HyperLogLog::Raise(&changed, limit, HyperLogLog::kRegisters - 1, 51);
    HyperLogLog::Count(changed);
  }
  return 0;
}
