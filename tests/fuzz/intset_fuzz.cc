// Any bytes: what IsValid takes for an intset can be read and changed like a set of integers, and
// stays valid. How to run: driver.cc.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "shard/types/encodings/intset.h"

namespace {

using keyway::shard::types::Intset;
using keyway::shard::types::IntsetView;

void Check(bool right) {
  if (!right) std::abort();
}

void ChangeWith(Intset& set, int64_t integer) {
  const size_t size = set.size();
  const bool was_there = set.Contains(integer);
  Check(set.Add(integer) != was_there);
  Check(set.Contains(integer) && set.size() == size + (was_there ? 0 : 1));
  Check(IntsetView::IsValid(set.block()));
  if (was_there) Check(set.Remove(integer) && set.size() == size - 1);
  Check(IntsetView::IsValid(set.block()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!IntsetView::IsValid(bytes)) return 0;
  const IntsetView view(data);
  Check(view.bytes() == size);
  for (size_t i = 0; i < view.size(); ++i) Check(view.Contains(view.At(i)));
  Intset set = Intset::Copy(bytes);
  for (size_t i = 0; i < view.size(); i += 1 + view.size() / 8) {
    ChangeWith(set, view.At(i));
    ChangeWith(set, view.At(i) ^ 1);
    ChangeWith(set, static_cast<int64_t>(static_cast<uint64_t>(view.At(i)) * 70'001));
    ChangeWith(set, static_cast<int64_t>(static_cast<uint64_t>(view.At(i)) << 33));
  }
  return 0;
}
