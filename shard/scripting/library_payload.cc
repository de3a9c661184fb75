#include "shard/scripting/library_payload.h"

#include <cstdint>
#include <utility>

#include "shard/persistence/rdb/crc64.h"
#include "shard/persistence/rdb/format.h"
#include "shard/persistence/rdb/little_endian.h"
#include "shard/persistence/rdb/value_reader.h"

namespace keyway::shard::scripting {
namespace {

constexpr uint8_t kLibrary = 0xf5;
constexpr uint8_t kLibraryOfCandidate = 0xf6;
constexpr size_t kVersionBytes = 2;
constexpr size_t kCrcBytes = 8;
constexpr size_t kFooterBytes = kVersionBytes + kCrcBytes;

std::string_view UpToNul(std::string_view text) {
  return text.substr(0, text.find('\0'));
}

}  // namespace

LibraryPayloadWriter::LibraryPayloadWriter(bool compress)
    : writer_({.compress = compress}, &payload_) {}

void LibraryPayloadWriter::Add(std::string_view code) {
  writer_.Byte(kLibrary);
  writer_.String(code);
}

std::string LibraryPayloadWriter::Finish() {
  rdb::AppendLittleEndian(static_cast<uint64_t>(rdb::kVersion), kVersionBytes, &payload_);
  rdb::AppendLittleEndian(rdb::Crc64(0, payload_), kCrcBytes, &payload_);
  return std::move(payload_);
}

LibraryPayloadReader::LibraryPayloadReader(std::string_view payload)
    : payload_(payload), reader_(payload) {}

bool LibraryPayloadReader::IsWhole(bool check_crc) const {
  return rdb::IsDumpPayload(payload_, check_crc);
}

// A library that is cut off may reach into the footer, as it does for Redis: its code is refused.
bool LibraryPayloadReader::AtEnd() const {
  return reader_.rest().size() <= kFooterBytes;
}

Expected<std::string> LibraryPayloadReader::Next() {
  uint8_t type = 0;
  if (!reader_.Byte(&type)) return Error{"ERR can not read data type"};
  if (type == kLibraryOfCandidate) return NextOfCandidate();
  if (type != kLibrary) return Error{"ERR given type is not a function"};
  rdb::ByteReader::Text code;
  if (!reader_.String(&code)) return Error{"ERR Failed loading library payload"};
  return std::string(code.bytes);
}

Expected<std::string> LibraryPayloadReader::NextOfCandidate() {
  rdb::ByteReader::Text name;
  rdb::ByteReader::Text engine;
  rdb::ByteReader::Text description;
  rdb::ByteReader::Text body;
  uint64_t has_description = 0;
  if (!reader_.String(&name)) return Error{"ERR Failed loading library name"};
  if (!reader_.String(&engine)) return Error{"ERR Failed loading engine name"};
  if (!reader_.Length(&has_description)) {
    return Error{"ERR Failed loading library description indicator"};
  }
  if (has_description != 0 && !reader_.String(&description)) {
    return Error{"ERR Failed loading library description"};
  }
  if (!reader_.String(&body)) return Error{"ERR Failed loading library blob"};
  // As Redis writes the line that such libraries do not have.
  std::string code = "#!";
  code += UpToNul(engine.bytes);
  code += " name=";
  code += UpToNul(name.bytes);
  code += '\n';
  code += UpToNul(body.bytes);
  return code;
}

}  // namespace keyway::shard::scripting
