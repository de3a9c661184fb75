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

// What is wrong; nullptr: nothing.
using Problem = const char*;

Problem ReadNodes(ByteReader* reader, Text* text, Stream* stream) {
  uint64_t nodes = 0;
  if (!reader->Length(&nodes)) return "Stream listpacks len loading failed.";
  for (; nodes > 0; --nodes) {
    if (!reader->String(text)) {
      return "Stream master ID loading failed: invalid encoding or I/O error.";
    }
    if (text->bytes.size() != StreamId::kEncodedBytes) {
      return "Stream node key entry is not the size of a stream ID";
    }
    const StreamId id = StreamId::Decode(reinterpret_cast<const uint8_t*>(text->bytes.data()));
    if (!reader->String(text)) return "Stream listpacks loading failed.";
    if (!StreamNodeView::IsValid(text->bytes)) return "Stream listpack integrity check failed.";
    if (!stream->AddNode(id, Listpack::Copy(text->bytes))) {
      return "Listpack re-added with existing key";
    }
  }
  return nullptr;
}

Problem ReadPending(ByteReader* reader, StreamGroup* group) {
  uint64_t count = 0;
  if (!reader->Length(&count)) return "Stream PEL size loading failed.";
  for (; count > 0; --count) {
    StreamId id;
    int64_t delivery_ms = 0;
    uint64_t deliveries = 0;
    if (!reader->RawId(&id)) return "Stream PEL ID loading failed.";
    if (!reader->Millis(&delivery_ms) || !reader->AnyLength(&deliveries)) {
      return "Stream PEL NACK loading failed.";
    }
    if (group->AddPending(id, delivery_ms, deliveries) == nullptr) {
      return "Duplicated global PEL entry loading stream consumer group";
    }
  }
  return nullptr;
}

Problem ReadConsumer(ByteReader* reader, Text* text, StreamGroup* group) {
  int64_t seen_ms = 0;
  uint64_t pending = 0;
  if (!reader->String(text)) return "Error reading the consumer name from Stream group.";
  const std::string name(text->bytes);
  if (!reader->Millis(&seen_ms)) return "Stream short read reading seen time.";
  if (!reader->Length(&pending)) return "Stream consumer PEL num loading failed.";
  StreamConsumer* consumer = group->AddConsumer(name, seen_ms);
  if (consumer == nullptr) return "Duplicate stream consumer detected";
  for (; pending > 0; --pending) {
    StreamId id;
    if (!reader->RawId(&id)) return "Stream short read reading PEL ID.";
    StreamPending* entry = group->FindPending(id);
    if (entry == nullptr) return "Consumer entry not found in group global PEL";
    if (entry->consumer == consumer) {
      return "Duplicated consumer PEL entry loading a stream consumer group";
    }
    group->Assign(*entry, *consumer);
  }
  return nullptr;
}

Problem ReadGroup(bool has_entries_read, ByteReader* reader, Text* text, Stream* stream) {
  StreamId last_id;
  if (!reader->String(text)) return "Error reading the consumer group name from Stream";
  const std::string name(text->bytes);
  if (!reader->Id(&last_id)) return "Stream cgroup ID loading failed.";
  int64_t entries_read = 0;
  if (has_entries_read) {
    uint64_t read = 0;
    if (!reader->AnyLength(&read)) return "Stream cgroup offset loading failed.";
    entries_read = static_cast<int64_t>(read);
  } else {
    entries_read = EntriesReadUpTo(*stream, last_id);
  }
  StreamGroup* group = stream->AddGroup(name);
  if (group == nullptr) return "Duplicated consumer group name";
  group->set_last_id(last_id);
  group->set_entries_read(entries_read);
  uint64_t consumers = 0;
  if (Problem problem = ReadPending(reader, group)) return problem;
  if (!reader->Length(&consumers)) return "Stream consumers num loading failed.";
  for (; consumers > 0; --consumers) {
    if (Problem problem = ReadConsumer(reader, text, group)) return problem;
  }
  return group->EveryPendingIsAssigned() ? nullptr : "NACK PEL entry without consumer";
}

}  // namespace

Expected<std::unique_ptr<Stream>> ReadStream(bool has_header_of_7, ByteReader* reader) {
  auto stream = std::make_unique<Stream>();
  Text text;
  Stream::Header header;
  if (Problem problem = ReadNodes(reader, &text, stream.get())) return Error{problem};
  bool whole = reader->AnyLength(&header.length) && reader->Id(&header.last_id);
  if (has_header_of_7) {
    whole = whole && reader->Id(&header.first_id) && reader->Id(&header.max_deleted_id) &&
            reader->AnyLength(&header.entries_added);
  } else {
    header.entries_added = header.length;
    header.first_id = stream->FirstEntry().value_or(StreamId::Max());
  }
  if (!whole) return Error{"Stream object metadata loading failed."};
  if (header.length != 0 && stream->nodes().empty()) {
    return Error{"Stream length inconsistent with rax entries"};
  }
  stream->set_header(header);
  uint64_t groups = 0;
  if (!reader->Length(&groups)) return Error{"Stream cgroup count loading failed."};
  for (; groups > 0; --groups) {
    if (Problem problem = ReadGroup(has_header_of_7, reader, &text, stream.get())) {
      return Error{problem};
    }
  }
  return stream;
}

}  // namespace keyway::shard::rdb
