// Writes an RDB file; see file_format.h. Part by part, in the order in which they are to be there:
// Aux, Library, then for each database Database and its keys.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shard/keyspace/record.h"
#include "shard/persistence/files/file_system.h"
#include "shard/persistence/rdb/value_writer.h"

namespace keyway::shard::rdb {

// Of sync_every_bytes, for who wants it: as Redis has it.
inline constexpr uint64_t kIncrementalSyncBytes = 4 * 1024 * 1024;

struct FileWriteOptions {
  bool compress = true;  // rdbcompression
  bool checksum = true;  // rdbchecksum
  // Begins to sync whenever so many bytes have been written, so that the disk gets no large heap at
  // once (rdb-save-incremental-fsync). 0: never.
  uint64_t sync_every_bytes = 0;
};

// What is kept about the use of a key: one of these, or neither.
struct KeyUse {
  int64_t idle_seconds = -1;
  int frequency = -1;
};

class FileWriter final : private WriteDrain {
 public:
  // `file` is empty and outlives the writer.
  FileWriter(persistence::File& file, const FileWriteOptions& options);

  void Aux(std::string_view name, std::string_view value);
  void Library(std::string_view code);
  void Database(int index, uint64_t keys, uint64_t expires);
  void Key(const keyspace::Record& record, const KeyUse& use);
  // Nothing may follow. All of it has been given to the file, which the caller has to Sync.
  persistence::FileStatus Finish();

  // The disk has failed: what is written from now on goes nowhere, Finish tells why.
  bool failed() const { return !status_.ok(); }
  // So far, buffered ones included.
  uint64_t bytes() const { return written_ + buffer_.size(); }

 private:
  void Mark(uint8_t mark) { writer_.Byte(mark); }
  void Drain() override;
  void Take(std::string_view bytes) override;

  persistence::File& file_;
  const FileWriteOptions options_;
  std::string buffer_;
  ValueWriter writer_;
  uint64_t crc_ = 0;
  uint64_t written_ = 0;
  uint64_t synced_ = 0;
  persistence::FileStatus status_;
};

}  // namespace keyway::shard::rdb
