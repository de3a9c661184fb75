// Any bytes that IsValid calls a listpack can be walked in both directions, searched and changed,
// and stay one. How to run: driver.cc.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "shard/types/encodings/listpack.h"

namespace {

using keyway::shard::types::Listpack;
using keyway::shard::types::ListpackView;
using Position = ListpackView::Position;

void Check(bool right) {
  if (!right) std::abort();
}

std::string TextAt(const ListpackView& pack, Position position) {
  ListpackView::Element::Digits digits;
  return std::string(pack.At(position).Text(digits));
}

std::vector<std::string> Walk(const ListpackView& pack) {
  std::vector<std::string> texts;
  std::vector<Position> positions;
  for (Position at = pack.First(); at != ListpackView::kNone; at = pack.Next(at)) {
    texts.push_back(TextAt(pack, at));
    positions.push_back(at);
  }
  Check(texts.size() == pack.size());
  Check(texts.empty() == pack.empty());
  size_t left = positions.size();
  for (Position at = pack.Last(); at != ListpackView::kNone; at = pack.Previous(at)) {
    Check(left > 0 && positions[--left] == at);
    Check(pack.Seek(static_cast<int64_t>(left)) == at);
  }
  Check(left == 0);
  return texts;
}

void CheckIs(const Listpack& pack, const std::vector<std::string>& texts) {
  Check(ListpackView::IsValid(pack.block()));
  Check(Walk(pack) == texts);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!ListpackView::IsValid(bytes)) return 0;
  std::vector<std::string> texts = Walk(ListpackView(data));
  Listpack pack = Listpack::Copy(bytes);
  if (texts.empty()) {
    pack.Append("x");
    CheckIs(pack, {"x"});
    return 0;
  }
  const size_t middle = data[size / 2] % texts.size();
  const auto place = [&] { return texts.begin() + static_cast<std::ptrdiff_t>(middle); };
  const auto at = [&] { return pack.Seek(static_cast<int64_t>(middle)); };
  Check(pack.Find(pack.First(), texts[middle]) != ListpackView::kNone);

  pack.InsertBefore(at(), "-32769");
  texts.insert(place(), "-32769");
  CheckIs(pack, texts);
  pack.InsertAfter(at(), "text");
  texts.insert(place() + 1, "text");
  CheckIs(pack, texts);
  pack.Replace(at(), "a longer text than there was before, so that all behind it has to move");
  *place() = "a longer text than there was before, so that all behind it has to move";
  CheckIs(pack, texts);
  pack.Delete(at());
  texts.erase(place());
  CheckIs(pack, texts);
  pack.DeleteRange(middle, 2);
  texts.erase(place(), texts.size() - middle < 2 ? texts.end() : place() + 2);
  CheckIs(pack, texts);
  return 0;
}
