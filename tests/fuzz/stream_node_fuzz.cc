// Any bytes that IsValid calls a node of a stream can be walked in both directions, trimmed and
// deleted from, and stay one. How to run: driver.cc.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

#include "shard/types/encodings/stream.h"

namespace {

using keyway::shard::types::Listpack;
using keyway::shard::types::Stream;
using keyway::shard::types::StreamId;
using keyway::shard::types::StreamNodeView;
using keyway::shard::types::StreamWalk;

void Check(bool right) {
  if (!right) std::abort();
}

void CheckNodes(const Stream& stream) {
  const Stream::Nodes& nodes = stream.nodes();
  for (auto at = nodes.Begin(); at != nodes.End(); at = nodes.Next(at)) {
    Check(StreamNodeView::IsValid(nodes.At(at).entries.block()));
  }
}

std::vector<StreamId> Walk(const Stream& stream, bool reverse) {
  std::vector<StreamId> ids;
  StreamWalk walk(stream, StreamId::Min(), StreamId::Max(), reverse);
  StreamWalk::Element field;
  StreamWalk::Element value;
  while (walk.Next()) {
    ids.push_back(walk.id());
    for (size_t i = 0; i < walk.field_count(); ++i) walk.NextField(&field, &value);
  }
  return ids;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!StreamNodeView::IsValid(bytes)) return 0;
  Stream stream;
  Check(stream.AddNode({7, 7}, Listpack::Copy(bytes)));
  stream.set_header({.length = size % 5, .last_id = {100, 0}});
  const std::vector<StreamId> ids = Walk(stream, false);
  Check(Walk(stream, true).size() == ids.size());
  CheckNodes(*stream.Duplicate());
  const std::string_view pair[] = {"field", "value"};
  stream.Append({101, 0}, pair, {});
  CheckNodes(stream);
  stream.Trim({.strategy = Stream::Strategy::kMinId, .min_id = {7, 9}});
  CheckNodes(stream);
  for (size_t i = 0; i < ids.size(); i += 2) stream.Delete(ids[i]);
  CheckNodes(stream);
  stream.Trim({.max_length = 1});
  stream.Trim({.max_length = 0, .whole_nodes_only = true, .limit = 1});
  stream.Trim({});
  CheckNodes(stream);
  return 0;
}
