#include "shard/persistence/rdb/stream_reader.h"

#include <utility>

namespace keyway::shard::rdb {

using types::Listpack;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamNodeView;
using types::StreamPending;
using Text = ByteReader::Text;

namespace {

// How many entries had been added up to `id`, for a group of a version that did not count.
int64_t EntriesReadUpTo(const Stream& stream, StreamId id) {
  const auto added = static_cast<int64_t>(stream.entries_added());
  if (added == 0) return 0;
  if (stream.length() == 0 && id <= stream.last_id()) return added;
  if (id == stream.last_id()) return added;
  if (id > stream.last_id()) return StreamGroup::kUnknown;
  if (stream.max_deleted_id().is_zero() || stream.max_deleted_id() < stream.first_id()) {
    const int64_t before = added - static_cast<int64_t>(stream.length());
    if (id < stream.first_id()) return before;
    if (id == stream.first_id()) return before + 1;
  }
  return StreamGroup::kUnknown;
}

bool ReadNodes(ByteReader* reader, Text* text, Stream* stream) {
  uint64_t nodes = 0;
  if (!reader->Length(&nodes)) return false;
  for (; nodes > 0; --nodes) {
    if (!reader->String(text) || text->bytes.size() != StreamId::kEncodedBytes) return false;
    const StreamId id = StreamId::Decode(reinterpret_cast<const uint8_t*>(text->bytes.data()));
    if (!reader->String(text) || !StreamNodeView::IsValid(text->bytes)) return false;
    if (!stream->AddNode(id, Listpack::Copy(text->bytes))) return false;
  }
  return true;
}

bool ReadPending(ByteReader* reader, StreamGroup* group) {
  uint64_t count = 0;
  if (!reader->Length(&count)) return false;
  for (; count > 0; --count) {
    StreamId id;
    int64_t delivery_ms = 0;
    uint64_t deliveries = 0;
    if (!reader->RawId(&id) || !reader->Millis(&delivery_ms) ||
        !reader->AnyLength(&deliveries)) {
      return false;
    }
    if (group->AddPending(id, delivery_ms, deliveries) == nullptr) return false;
  }
  return true;
}

bool ReadConsumer(ByteReader* reader, Text* text, StreamGroup* group) {
  int64_t seen_ms = 0;
  uint64_t pending = 0;
  if (!reader->String(text)) return false;
  const std::string name(text->bytes);
  if (!reader->Millis(&seen_ms) || !reader->Length(&pending)) return false;
  StreamConsumer* consumer = group->AddConsumer(name, seen_ms);
  if (consumer == nullptr) return false;
  for (; pending > 0; --pending) {
    StreamId id;
    if (!reader->RawId(&id)) return false;
    StreamPending* entry = group->FindPending(id);
    if (entry == nullptr || entry->consumer == consumer) return false;
    group->Assign(*entry, *consumer);
  }
  return true;
}

bool ReadGroup(bool has_entries_read, ByteReader* reader, Text* text, Stream* stream) {
  StreamId last_id;
  if (!reader->String(text)) return false;
  const std::string name(text->bytes);
  if (!reader->Id(&last_id)) return false;
  int64_t entries_read = 0;
  if (has_entries_read) {
    uint64_t read = 0;
    if (!reader->AnyLength(&read)) return false;
    entries_read = static_cast<int64_t>(read);
  } else {
    entries_read = EntriesReadUpTo(*stream, last_id);
  }
  StreamGroup* group = stream->AddGroup(name);
  if (group == nullptr) return false;
  group->set_last_id(last_id);
  group->set_entries_read(entries_read);
  uint64_t consumers = 0;
  if (!ReadPending(reader, group) || !reader->Length(&consumers)) return false;
  for (; consumers > 0; --consumers) {
    if (!ReadConsumer(reader, text, group)) return false;
  }
  return group->EveryPendingIsAssigned();
}

}  // namespace

std::unique_ptr<Stream> ReadStream(bool has_header_of_7, ByteReader* reader) {
  auto stream = std::make_unique<Stream>();
  Text text;
  Stream::Header header;
  if (!ReadNodes(reader, &text, stream.get()) || !reader->AnyLength(&header.length) ||
      !reader->Id(&header.last_id)) {
    return nullptr;
  }
  if (has_header_of_7) {
    if (!reader->Id(&header.first_id) || !reader->Id(&header.max_deleted_id) ||
        !reader->AnyLength(&header.entries_added)) {
      return nullptr;
    }
  } else {
    header.entries_added = header.length;
    header.first_id = stream->FirstEntry().value_or(StreamId::Max());
  }
  if (header.length != 0 && stream->nodes().empty()) return nullptr;
  stream->set_header(header);
  uint64_t groups = 0;
  if (!reader->Length(&groups)) return nullptr;
  for (; groups > 0; --groups) {
    if (!ReadGroup(has_header_of_7, reader, &text, stream.get())) return nullptr;
  }
  return stream;
}

}  // namespace keyway::shard::rdb
