// Reads an RDB file of any version up to 10; see file_format.h. The bytes may be anything: what is
// not whole or makes no sense ends the reading with an error that says where.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "shard/keyspace/record.h"
#include "shard/keyspace/value.h"
#include "shard/persistence/rdb/value_reader.h"

namespace keyway::shard::rdb {

struct FileReadOptions {
  ReadOptions values;
  bool checksum = true;  // rdbchecksum
};

// A key with all that the file says about it. Views are valid during the call.
struct KeyEntry {
  std::string_view key;
  keyspace::Value value;
  int64_t expiry_ms = keyspace::kNoExpiry;
  int64_t idle_seconds = -1;  // -1: not said
  int frequency = -1;
};

// Gets what a file holds, in its order. An error ends the reading.
class FileVisitor {
 public:
  virtual ~FileVisitor() = default;
  virtual void Aux(std::string_view /*name*/, std::string_view /*value*/) {}
  virtual Status Library(std::string_view code) = 0;
  // The keys that follow are in this database; 0 until it is called.
  virtual Status Database(uint64_t index) = 0;
  // How many there are about to be.
  virtual void Resize(uint64_t /*keys*/, uint64_t /*expires*/) {}
  // The name of the next key, before its value is read; it stays where it is until Key.
  virtual void NextKey(std::string_view /*key*/) {}
  virtual Status Key(KeyEntry entry) = 0;
  // A key whose collection has no elements, as versions of Redis with a bug wrote it: there is no
  // such key.
  virtual void EmptyKey(std::string_view /*key*/) {}
  // Now and then, for the progress: how many bytes have been read.
  virtual void Progress(uint64_t /*bytes*/) {}
};

struct FileReadError {
  std::string message;  // what redis-server would log, where it would log something
  uint64_t offset = 0;  // of the part that cannot be read
};

// Whether the bytes begin as an RDB file does, or as much of it as there is.
bool BeginsAsRdb(std::string_view bytes);

// Returns how many bytes the file has: behind it there may be more (an AOF with a preamble). The
// checksum is looked at last: on a wrong one everything has been visited already.
Expected<uint64_t, FileReadError> ReadFile(std::string_view bytes, const FileReadOptions& options,
                                           FileVisitor& visitor);

}  // namespace keyway::shard::rdb
