#include "shard/persistence/aof/command_writer.h"

#include <algorithm>
#include <charconv>

namespace keyway::shard::persistence {
namespace {

constexpr size_t kBufferBytes = 256 * 1024;
constexpr std::string_view kLineEnd = "\r\n";

}  // namespace

CommandWriter::CommandWriter(File& file, uint64_t sync_every_bytes)
    : file_(file), sync_every_bytes_(sync_every_bytes) {
  buffer_.reserve(kBufferBytes);
}

void CommandWriter::Number(char mark, int64_t number) {
  char line[24] = {mark};
  char* end = std::to_chars(line + 1, line + sizeof(line) - kLineEnd.size(), number).ptr;
  end = std::copy(kLineEnd.begin(), kLineEnd.end(), end);
  Raw({line, static_cast<size_t>(end - line)});
}

void CommandWriter::Word(std::string_view bytes) {
  Number('$', static_cast<int64_t>(bytes.size()));
  Raw(bytes);
  Raw(kLineEnd);
}

void CommandWriter::Word(int64_t number) {
  char digits[20];
  const char* end = std::to_chars(digits, digits + sizeof(digits), number).ptr;
  Word(std::string_view(digits, static_cast<size_t>(end - digits)));
}

void CommandWriter::Raw(std::string_view bytes) {
  if (bytes.size() > kBufferBytes - buffer_.size()) Flush();
  if (bytes.size() > kBufferBytes) return Write(bytes);
  buffer_.append(bytes);
}

void CommandWriter::Flush() {
  Write(buffer_);
  buffer_.clear();
}

void CommandWriter::Write(std::string_view bytes) {
  while (!bytes.empty() && status_.ok()) {
    size_t piece = bytes.size();
    if (sync_every_bytes_ != 0) {
      piece = std::min<uint64_t>(piece, sync_every_bytes_ - not_synced_);
    }
    status_ = WriteAll(file_, bytes.substr(0, piece));
    bytes.remove_prefix(piece);
    not_synced_ += piece;
    if (sync_every_bytes_ == 0 || not_synced_ < sync_every_bytes_ || !status_.ok()) continue;
    status_ = file_.BeginSync();
    not_synced_ = 0;
  }
}

FileStatus CommandWriter::Finish() {
  Flush();
  return status_;
}

}  // namespace keyway::shard::persistence
