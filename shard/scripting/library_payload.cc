#include "shard/scripting/library_payload.h"

#include <cstdint>
#include <utility>

#include "shard/persistence/rdb/crc64.h"
#include "shard/persistence/rdb/format.h"
#include "shard/persistence/rdb/library_reader.h"
#include "shard/persistence/rdb/little_endian.h"
#include "shard/persistence/rdb/value_reader.h"

namespace keyway::shard::scripting {
namespace {

constexpr size_t kVersionBytes = 2;
constexpr size_t kCrcBytes = 8;
constexpr size_t kFooterBytes = kVersionBytes + kCrcBytes;

}  // namespace

LibraryPayloadWriter::LibraryPayloadWriter(bool compress)
    : writer_({.compress = compress}, &payload_) {}

void LibraryPayloadWriter::Add(std::string_view code) {
  writer_.Byte(rdb::kLibraryMark);
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
  if (type != rdb::kLibraryMark && type != rdb::kLibraryOfCandidateMark) {
    return Error{"ERR given type is not a function"};
  }
  auto code = rdb::ReadLibrary(type, &reader_);
  if (!code.ok()) return Error{"ERR " + code.error().message};
  return code;
}

}  // namespace keyway::shard::scripting
