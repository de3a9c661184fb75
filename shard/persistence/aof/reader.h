// Reads one file of an append-only file, command by command: RESP arrays of bulk strings, and lines
// that begin with '#', which are annotations ("#TS:1700000000", aof-timestamp-enabled).
//
// What is sound up to where: a file that ends within a command was cut off (a crash while it was
// written), which is not the same as bytes that no program has written. The reader tells them apart
// as redis-server 7.0 does; what to do about it is the caller's part.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shard/persistence/files/file_system.h"

namespace keyway::shard::persistence {

class AofReader {
 public:
  // `file` was opened for reading and outlives the reader, which starts where the file stands:
  // `offset` bytes behind its begin (behind an RDB preamble).
  explicit AofReader(File& file, uint64_t offset = 0);

  enum class Outcome : uint8_t {
    kCommand,    // args() is the next command
    kEnd,        // the file ends here, behind a whole command
    kCutOff,     // the file ends within a command
    kBadFormat,  // something else than a command
    kFailed,     // the disk: error()
  };
  // After anything but kCommand it returns the same again.
  Outcome Next();

  // Of the command; valid until Next. Never empty.
  std::span<const std::string_view> args() const { return args_; }
  // Where the last whole command or annotation ends: everything before it is sound.
  uint64_t offset() const { return offset_ + parsed_; }
  // What the last annotation of a time said, seconds since 1970; 0: there was none.
  int64_t timestamp() const { return timestamp_; }
  const FileError& error() const { return error_; }

 private:
  struct Range {
    size_t begin;
    size_t length;
  };

  Outcome ReadCommand();
  Outcome ReadArguments(size_t at, int64_t count);
  // At least `bytes` from `at` are in the buffer. False: the file ends before, or has failed.
  bool Has(size_t at, size_t bytes);
  // The line at `at` without its LF, and where the next one begins. False as by Has; a line that is
  // too long for what it may be sets `bad`.
  bool Line(size_t at, std::string_view* line, size_t* next, bool* bad);
  bool Fill();
  Outcome Ended() const { return failed_ ? Outcome::kFailed : Outcome::kCutOff; }
  void ReadAnnotation(std::string_view line);

  File& file_;
  std::string buffer_;  // of the file, from offset_ on
  uint64_t offset_;
  size_t parsed_ = 0;    // of the buffer
  bool at_end_ = false;  // nothing more can be read
  bool failed_ = false;
  Outcome last_ = Outcome::kCommand;
  std::vector<Range> ranges_;
  std::vector<std::string_view> args_;
  int64_t timestamp_ = 0;
  FileError error_;
};

}  // namespace keyway::shard::persistence
