#include "shard/persistence/aof/reader.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace keyway::shard::persistence {
namespace {

constexpr size_t kReadBytes = 256 * 1024;
// Of "*3\r\n" and "$5\r\n"; an annotation may be longer.
constexpr size_t kMaxHeaderBytes = 128;
constexpr size_t kMaxAnnotationBytes = 1024 * 1024;
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kTimestamp = "#TS:";

// The number behind the first byte of a header, as far as there are digits.
bool ReadNumber(std::string_view line, int64_t* number) {
  line.remove_prefix(1);
  return std::from_chars(line.data(), line.data() + line.size(), *number).ec == std::errc();
}

}  // namespace

AofReader::AofReader(File& file, uint64_t offset) : file_(file), offset_(offset) {}

bool AofReader::Fill() {
  if (at_end_) return false;
  const size_t end = buffer_.size();
  buffer_.resize(end + kReadBytes);
  const FileResult<size_t> read = file_.Read(buffer_.data() + end, kReadBytes);
  buffer_.resize(end + (read.ok() ? *read : 0));
  if (!read.ok()) {
    failed_ = true;
    error_ = read.error();
  }
  at_end_ = !read.ok() || *read == 0;
  return !at_end_;
}

bool AofReader::Has(size_t at, size_t bytes) {
  // `bytes` is what the file claims: compared without adding to it.
  while (buffer_.size() < at || buffer_.size() - at < bytes) {
    if (!Fill()) return false;
  }
  return true;
}

bool AofReader::Line(size_t at, std::string_view* line, size_t* next, bool* bad) {
  for (size_t searched = at;;) {
    const size_t end = buffer_.find('\n', searched);
    const size_t length = (end == std::string::npos ? buffer_.size() : end) - at;
    const bool annotation = length > 0 && buffer_[at] == '#';
    if (length > (annotation ? kMaxAnnotationBytes : kMaxHeaderBytes)) {
      *bad = true;
      return false;
    }
    if (end != std::string::npos) {
      *line = std::string_view(buffer_).substr(at, length);
      *next = end + 1;
      return true;
    }
    searched = buffer_.size();
    if (!Fill()) return false;
  }
}

void AofReader::ReadAnnotation(std::string_view line) {
  if (!line.starts_with(kTimestamp)) return;
  line.remove_prefix(kTimestamp.size());
  std::from_chars(line.data(), line.data() + line.size(), timestamp_);
}

AofReader::Outcome AofReader::Next() {
  if (last_ != Outcome::kCommand) return last_;
  if (parsed_ >= kReadBytes) {
    buffer_.erase(0, parsed_);
    offset_ += parsed_;
    parsed_ = 0;
  }
  last_ = ReadCommand();
  return last_;
}

AofReader::Outcome AofReader::ReadCommand() {
  for (;;) {
    if (!Has(parsed_, 1)) return failed_ ? Outcome::kFailed : Outcome::kEnd;
    std::string_view line;
    size_t next = 0;
    bool bad = false;
    const char kind = buffer_[parsed_];
    if (kind != '*' && kind != '#') return Outcome::kBadFormat;
    if (!Line(parsed_, &line, &next, &bad)) return bad ? Outcome::kBadFormat : Ended();
    if (kind == '*') {
      int64_t count = 0;
      if (!ReadNumber(line, &count) || count < 1) return Outcome::kBadFormat;
      return ReadArguments(next, count);
    }
    ReadAnnotation(line);
    parsed_ = next;
  }
}

AofReader::Outcome AofReader::ReadArguments(size_t at, int64_t count) {
  ranges_.clear();
  for (; count > 0; --count) {
    if (!Has(at, 1)) return Ended();
    if (buffer_[at] != '$') return Outcome::kBadFormat;
    std::string_view line;
    size_t begin = 0;
    bool bad = false;
    int64_t length = 0;
    if (!Line(at, &line, &begin, &bad)) return bad ? Outcome::kBadFormat : Ended();
    if (!ReadNumber(line, &length) || length < 0) return Outcome::kBadFormat;
    const auto bytes = static_cast<size_t>(length);
    if (!Has(begin, bytes) || !Has(begin + bytes, kLineEnd.size())) return Ended();
    if (buffer_.compare(begin + bytes, kLineEnd.size(), kLineEnd) != 0) return Outcome::kBadFormat;
    ranges_.push_back({begin, bytes});
    at = begin + bytes + kLineEnd.size();
  }
  args_.clear();
  for (const Range& range : ranges_) args_.emplace_back(buffer_.data() + range.begin, range.length);
  parsed_ = at;
  return Outcome::kCommand;
}

}  // namespace keyway::shard::persistence
