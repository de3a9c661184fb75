// Libraries as bytes, as FUNCTION DUMP and RDB files of version 10 have them.
//
//   payload := library* version crc64           the footer of DUMP: 2 and 8 bytes, little endian
//
// Libraries are those of shard/persistence/rdb/library_reader.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/base/expected.h"
#include "shard/persistence/rdb/byte_reader.h"
#include "shard/persistence/rdb/value_writer.h"

namespace keyway::shard::scripting {

class LibraryPayloadWriter {
 public:
  // `compress`: rdbcompression.
  explicit LibraryPayloadWriter(bool compress);

  // The code of a library, its "#!" line included.
  void Add(std::string_view code);
  // Ends the payload. Nothing may be added after that.
  std::string Finish();

 private:
  std::string payload_;
  rdb::ValueWriter writer_;
};

// The payload may be any bytes.
class LibraryPayloadReader {
 public:
  // `payload` outlives the reader.
  explicit LibraryPayloadReader(std::string_view payload);

  // Whether the footer is right. To be called first; after false there is nothing to read.
  // `check_crc`: false: any checksum will do.
  bool IsWhole(bool check_crc) const;
  bool AtEnd() const;
  // The code of the next library; AtEnd() is false. After an error, which is Redis's, nothing more
  // can be read.
  Expected<std::string> Next();

 private:
  std::string_view payload_;
  rdb::ByteReader reader_;
};

}  // namespace keyway::shard::scripting
