#include "shard/persistence/rdb/file_reader.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include "shard/persistence/rdb/byte_reader.h"
#include "shard/persistence/rdb/crc64.h"
#include "shard/persistence/rdb/file_format.h"
#include "shard/persistence/rdb/format.h"
#include "shard/persistence/rdb/library_reader.h"
#include "shard/persistence/rdb/little_endian.h"

namespace keyway::shard::rdb {
namespace {

constexpr size_t kProgressBytes = 2 * 1024 * 1024;

std::string Hex(uint64_t number) {
  char text[24];
  std::snprintf(text, sizeof(text), "%llx", static_cast<unsigned long long>(number));
  return text;
}

class Reading {
 public:
  Reading(std::string_view bytes, const FileReadOptions& options, FileVisitor& visitor)
      : bytes_(bytes),
        options_(options),
        visitor_(visitor),
        reader_(bytes, ByteReader::UnknownLength::kProblem) {}

  Expected<uint64_t, FileReadError> Run() {
    std::optional<std::string> error = Header();
    while (!error.has_value() && !ended_) {
      part_ = Offset();
      if (part_ - reported_ >= kProgressBytes) {
        reported_ = part_;
        visitor_.Progress(part_);
      }
      error = Part();
    }
    if (!error.has_value()) error = Checksum();
    if (error.has_value()) return FileReadError{std::move(*error), part_};
    return Offset();
  }

 private:
  // What is wrong, if anything.
  using Problem = std::optional<std::string>;

  Problem Cut() const { return reader_.problem(); }
  static Problem ProblemOf(Status status) {
    if (status.ok()) return std::nullopt;
    return status.error().message;
  }
  uint64_t Offset() const { return bytes_.size() - reader_.rest().size(); }

  Problem Header() {
    std::string_view magic;
    std::string_view digits;
    if (!reader_.Raw(kMagic.size(), &magic) || !reader_.Raw(kVersionDigits, &digits)) return Cut();
    if (magic != kMagic) return "Wrong signature trying to load DB from file";
    std::from_chars(digits.data(), digits.data() + digits.size(), version_);
    if (version_ >= 1 && version_ <= kVersion) return std::nullopt;
    return "Can't handle RDB format version " + std::to_string(version_);
  }

  Problem Part() {
    uint8_t byte = 0;
    if (!reader_.Byte(&byte)) return Cut();
    uint64_t number = 0;
    int64_t number_of_ms = 0;
    switch (static_cast<PartMark>(byte)) {
      case PartMark::kExpiryMillis:
        if (!reader_.Millis(&number_of_ms)) return Cut();
        SetExpiry(number_of_ms);
        return std::nullopt;
      case PartMark::kExpirySeconds: {
        std::string_view seconds;
        if (!reader_.Raw(sizeof(uint32_t), &seconds)) return Cut();
        SetExpiry(int64_t{static_cast<int32_t>(LittleEndian(seconds))} * 1000);
        return std::nullopt;
      }
      case PartMark::kIdle:
        if (!reader_.Length(&number)) return Cut();
        entry_.idle_seconds = static_cast<int64_t>(std::min<uint64_t>(number, INT64_MAX));
        return std::nullopt;
      case PartMark::kFrequency:
        if (!reader_.Byte(&byte)) return Cut();
        entry_.frequency = byte;
        return std::nullopt;
      case PartMark::kDatabase:
        return reader_.Length(&number) ? ProblemOf(visitor_.Database(number)) : Cut();
      case PartMark::kResize: {
        uint64_t expires = 0;
        if (!reader_.Length(&number) || !reader_.Length(&expires)) return Cut();
        visitor_.Resize(number, expires);
        return std::nullopt;
      }
      case PartMark::kAux: {
        ByteReader::Text value;
        if (!reader_.String(&name_) || !reader_.String(&value)) return Cut();
        visitor_.Aux(name_.bytes, value.bytes);
        return std::nullopt;
      }
      case PartMark::kLibrary:
      case PartMark::kLibraryOfCandidate:
        return Library(byte);
      case PartMark::kModuleAux:
        return ModuleAux();
      case PartMark::kEnd:
        ended_ = true;
        return std::nullopt;
    }
    return Key(byte);
  }

  void SetExpiry(int64_t ms) {
    // All that is before 1970 is long ago, but for the one number that means none.
    entry_.expiry_ms = ms == keyspace::kNoExpiry ? ms : std::max<int64_t>(ms, 0);
  }

  Problem Library(uint8_t mark) {
    const auto code = ReadLibrary(mark, &reader_);
    Problem problem = code.ok() ? ProblemOf(visitor_.Library(*code)) : code.error().message;
    if (!problem.has_value()) return std::nullopt;
    // FUNCTION LOAD's error begins with a code.
    constexpr std::string_view kCode = "ERR ";
    if (problem->starts_with(kCode)) problem->erase(0, kCode.size());
    return "Failed loading library, " + *problem;
  }

  Problem ModuleAux() {
    constexpr uint64_t kUnsignedMark = 2;
    uint64_t id = 0;
    uint64_t when_mark = 0;
    uint64_t when = 0;
    if (!reader_.Length(&id) || !reader_.Length(&when_mark) || !reader_.Length(&when)) {
      return Cut();
    }
    if (when_mark != kUnsignedMark) return "bad when_opcode";
    return "The RDB file contains AUX module data I can't load: no matching module '" +
           ModuleTypeName(id) + "'";
  }

  Problem Key(uint8_t type) {
    if (!reader_.String(&name_)) return Cut();
    visitor_.NextKey(name_.bytes);
    auto value = ReadValue(type, options_.values, &reader_, &text_);
    if (!value.ok()) {
      if (value.error().is_empty) {
        visitor_.EmptyKey(name_.bytes);
        entry_ = {};
        return std::nullopt;
      }
      return value.error().message + " (key '" + std::string(name_.bytes.substr(0, 128)) + "')";
    }
    Status taken = visitor_.Key({.key = name_.bytes,
                                 .value = std::move(*value),
                                 .expiry_ms = entry_.expiry_ms,
                                 .idle_seconds = entry_.idle_seconds,
                                 .frequency = entry_.frequency});
    entry_ = {};
    return ProblemOf(std::move(taken));
  }

  Problem Checksum() {
    if (version_ < kFirstVersionWithChecksum) return std::nullopt;
    const uint64_t end = Offset();
    std::string_view footer;
    if (!reader_.Raw(kChecksumBytes, &footer)) return Cut();
    const uint64_t expected = LittleEndian(footer);
    if (!options_.checksum || expected == 0) return std::nullopt;
    const uint64_t actual = Crc64(0, bytes_.substr(0, end));
    if (actual == expected) return std::nullopt;
    return "Wrong RDB checksum expected: (" + Hex(expected) + ") but got (" + Hex(actual) + ")";
  }

  struct Entry {
    int64_t expiry_ms = keyspace::kNoExpiry;
    int64_t idle_seconds = -1;
    int frequency = -1;
  };

  const std::string_view bytes_;
  const FileReadOptions& options_;
  FileVisitor& visitor_;
  ByteReader reader_;
  ByteReader::Text name_;
  ByteReader::Text text_;
  Entry entry_;  // what has been said about the next key
  int version_ = 0;
  uint64_t part_ = 0;
  uint64_t reported_ = 0;
  bool ended_ = false;
};

}  // namespace

bool BeginsAsRdb(std::string_view bytes) {
  const size_t length = std::min(bytes.size(), kMagic.size());
  return bytes.substr(0, length) == kMagic.substr(0, length);
}

Expected<uint64_t, FileReadError> ReadFile(std::string_view bytes, const FileReadOptions& options,
                                           FileVisitor& visitor) {
  return Reading(bytes, options, visitor).Run();
}

}  // namespace keyway::shard::rdb
