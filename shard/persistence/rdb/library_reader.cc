#include "shard/persistence/rdb/library_reader.h"

#include <string_view>

namespace keyway::shard::rdb {
namespace {

std::string_view UpToNul(std::string_view text) { return text.substr(0, text.find('\0')); }

Expected<std::string> ReadLibraryOfCandidate(ByteReader* reader) {
  ByteReader::Text name;
  ByteReader::Text engine;
  ByteReader::Text description;
  ByteReader::Text body;
  uint64_t has_description = 0;
  if (!reader->String(&name)) return Error{"Failed loading library name"};
  if (!reader->String(&engine)) return Error{"Failed loading engine name"};
  if (!reader->Length(&has_description)) {
    return Error{"Failed loading library description indicator"};
  }
  if (has_description != 0 && !reader->String(&description)) {
    return Error{"Failed loading library description"};
  }
  if (!reader->String(&body)) return Error{"Failed loading library blob"};
  // As Redis puts them together.
  std::string code = "#!";
  code += UpToNul(engine.bytes);
  code += " name=";
  code += UpToNul(name.bytes);
  code += '\n';
  code += UpToNul(body.bytes);
  return code;
}

}  // namespace

Expected<std::string> ReadLibrary(uint8_t mark, ByteReader* reader) {
  if (mark == kLibraryOfCandidateMark) return ReadLibraryOfCandidate(reader);
  ByteReader::Text code;
  if (!reader->String(&code)) return Error{"Failed loading library payload"};
  return std::string(code.bytes);
}

}  // namespace keyway::shard::rdb
