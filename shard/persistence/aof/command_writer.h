// Writes commands to a file as an append-only file has them (RESP arrays of bulk strings), through
// a buffer of bounded size: a value, however large, is never copied as a whole.
//
// After an error nothing more is written; Finish tells it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {

class CommandWriter {
 public:
  // `file` outlives the writer. Whenever `sync_every_bytes` have been written (0: never) the disk
  // is told to take them, so that it never has to take much at once.
  CommandWriter(File& file, uint64_t sync_every_bytes);
  CommandWriter(const CommandWriter&) = delete;
  CommandWriter& operator=(const CommandWriter&) = delete;

  // A command of so many words begins; they have to follow.
  void Begin(size_t words) { Number('*', static_cast<int64_t>(words)); }
  void Word(std::string_view bytes);
  void Word(int64_t number);
  template <typename... Words>
  void Command(const Words&... words) {
    Begin(sizeof...(words));
    (Word(words), ...);
  }
  // As it is: an annotation.
  void Raw(std::string_view bytes);

  bool failed() const { return !status_.ok(); }
  // The file has got everything; it is not synced.
  FileStatus Finish();

 private:
  void Number(char mark, int64_t number);
  void Flush();
  void Write(std::string_view bytes);

  File& file_;
  const uint64_t sync_every_bytes_;
  uint64_t not_synced_ = 0;
  std::string buffer_;
  FileStatus status_;
};

}  // namespace keyway::shard::persistence
