#include "shard/persistence/rdb/file_writer.h"

#include <cstdio>

#include "shard/persistence/rdb/crc64.h"
#include "shard/persistence/rdb/file_format.h"
#include "shard/persistence/rdb/little_endian.h"

namespace keyway::shard::rdb {
namespace {

constexpr size_t kBesideStrings = 1024;  // what may come between two looks at the buffer

constexpr uint8_t ByteOf(PartMark mark) {
  return static_cast<uint8_t>(mark);
}

}  // namespace

FileWriter::FileWriter(persistence::File& file, const FileWriteOptions& options)
    : file_(file), options_(options), writer_({.compress = options.compress}, &buffer_, this) {
  buffer_.reserve(kBufferBytes + kBesideStrings);
  char version[kVersionDigits + 1];
  std::snprintf(version, sizeof(version), "%04d", kVersion);
  writer_.Raw(kMagic);
  writer_.Raw(version);
}

void FileWriter::Aux(std::string_view name, std::string_view value) {
  Mark(ByteOf(PartMark::kAux));
  writer_.String(name);
  writer_.String(value);
}

void FileWriter::Library(std::string_view code) {
  Mark(ByteOf(PartMark::kLibrary));
  writer_.String(code);
}

void FileWriter::Database(int index, uint64_t keys, uint64_t expires) {
  Mark(ByteOf(PartMark::kDatabase));
  writer_.Length(static_cast<uint64_t>(index));
  Mark(ByteOf(PartMark::kResize));
  writer_.Length(keys);
  writer_.Length(expires);
}

void FileWriter::Key(const keyspace::Record& record, const KeyUse& use) {
  if (record.has_expiry()) {
    Mark(ByteOf(PartMark::kExpiryMillis));
    writer_.Millis(record.expiry_ms());
  }
  if (use.idle_seconds >= 0) {
    Mark(ByteOf(PartMark::kIdle));
    writer_.Length(static_cast<uint64_t>(use.idle_seconds));
  } else if (use.frequency >= 0) {
    Mark(ByteOf(PartMark::kFrequency));
    Mark(static_cast<uint8_t>(use.frequency));
  }
  Mark(static_cast<uint8_t>(ValueWriter::TypeOf(record)));
  writer_.String(record.key());
  writer_.Write(record);
}

void FileWriter::Drain() {
  Take(buffer_);
  buffer_.clear();
}

void FileWriter::Take(std::string_view bytes) {
  // In pieces, so that each is still in the processor's cache when it is written.
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, kBufferBytes);
    bytes.remove_prefix(piece.size());
    if (options_.checksum) crc_ = Crc64(crc_, piece);
    if (status_.ok()) status_ = WriteAll(file_, piece);
    written_ += piece.size();
    if (options_.sync_every_bytes == 0 || written_ - synced_ < options_.sync_every_bytes) continue;
    synced_ = written_;
    if (status_.ok()) status_ = file_.BeginSync();
  }
}

persistence::FileStatus FileWriter::Finish() {
  Mark(ByteOf(PartMark::kEnd));
  Drain();
  AppendLittleEndian(crc_, kChecksumBytes, &buffer_);
  Drain();
  return status_;
}

}  // namespace keyway::shard::rdb
