#include "shard/persistence/aof/manifest.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <utility>

#include "common/config/split_words.h"

namespace keyway::shard::persistence {
namespace {

constexpr char kBadFormat[] = "Invalid AOF manifest file format";

std::string LowerCase(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

std::string_view Trimmed(std::string_view line) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const size_t first = line.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

// The digits that it begins with; 0: there are none.
int64_t LeadingNumber(std::string_view word) {
  int64_t number = 0;
  std::from_chars(word.data(), word.data() + word.size(), number);
  return number;
}

// The part that a line names, or what is wrong with it. Keys that are not known are passed over.
Expected<AofPart> ParsePart(std::string_view line) {
  const auto words = config::SplitWords(line);
  constexpr size_t kFewestWords = 6;
  if (!words.has_value() || words->size() < kFewestWords || words->size() % 2 != 0) {
    return Error{kBadFormat};
  }
  AofPart part;
  bool has_kind = false;
  for (size_t i = 0; i < words->size(); i += 2) {
    const std::string key = LowerCase((*words)[i]);
    const std::string& value = (*words)[i + 1];
    if (key == "file") {
      if (value.find_first_of("/\\") != std::string::npos) {
        return Error{"File can't be a path, just a filename"};
      }
      part.name = value;
    } else if (key == "seq") {
      part.sequence = LeadingNumber(value);
    } else if (key == "type" && !value.empty()) {
      part.kind = static_cast<AofPartKind>(value[0]);
      has_kind = true;
    }
  }
  if (part.name.empty() || part.sequence <= 0 || !has_kind) return Error{kBadFormat};
  return part;
}

std::string PartName(std::string_view prefix, int64_t sequence, std::string_view suffix) {
  return std::string(prefix) + "." + std::to_string(sequence) + std::string(suffix);
}

bool NeedsQuotes(std::string_view name) {
  return std::any_of(name.begin(), name.end(), [](char c) {
    return c <= ' ' || c > '~' || c == '"' || c == '\'' || c == '\\';
  });
}

void PrintPart(const AofPart& part, std::string* out) {
  out->append("file ");
  out->append(NeedsQuotes(part.name) ? config::Quote(part.name) : part.name);
  out->append(" seq ").append(std::to_string(part.sequence));
  out->append(" type ").push_back(static_cast<char>(part.kind));
  out->push_back('\n');
}

}  // namespace

Expected<AofManifest, AofManifest::ParseError> AofManifest::Parse(std::string_view text) {
  if (text.empty()) return ParseError{"Found an empty AOF manifest", 0, {}};
  AofManifest manifest;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos || end >= kMaxLineBytes) {
      return ParseError{"The AOF manifest file contains too long line", 0, {}};
    }
    const std::string_view line = Trimmed(text.substr(0, end));
    const bool comment = text[0] == '#';
    text.remove_prefix(end + 1);
    if (comment) continue;
    const auto fail = [&](std::string message) {
      return ParseError{std::move(message), number, std::string(line)};
    };
    Expected<AofPart> part = ParsePart(line);
    if (!part.ok()) return fail(part.error().message);
    switch (part->kind) {
      case AofPartKind::kBase:
        if (manifest.base_.has_value()) return fail("Found duplicate base file information");
        manifest.base_sequence_ = part->sequence;
        manifest.base_ = std::move(*part);
        break;
      case AofPartKind::kHistory:
        manifest.history_.push_back(std::move(*part));
        break;
      case AofPartKind::kIncremental:
        if (part->sequence <= manifest.incremental_sequence_) {
          return fail("Found a non-monotonic sequence number");
        }
        manifest.incremental_sequence_ = part->sequence;
        manifest.incremental_.push_back(std::move(*part));
        break;
      default:
        return fail("Unknown AOF file type");
    }
  }
  return manifest;
}

std::string AofManifest::Print() const {
  std::string text;
  if (base_.has_value()) PrintPart(*base_, &text);
  for (const AofPart& part : history_) PrintPart(part, &text);
  for (const AofPart& part : incremental_) PrintPart(part, &text);
  return text;
}

const AofPart& AofManifest::SetNewBase(std::string_view prefix, bool rdb) {
  if (base_.has_value()) {
    base_->kind = AofPartKind::kHistory;
    history_.insert(history_.begin(), std::move(*base_));
  }
  ++base_sequence_;
  base_ = AofPart{PartName(prefix, base_sequence_, rdb ? ".base.rdb" : ".base.aof"), base_sequence_,
                  AofPartKind::kBase};
  return *base_;
}

void AofManifest::AdoptBase(std::string name) {
  base_sequence_ = 1;
  base_ = AofPart{std::move(name), base_sequence_, AofPartKind::kBase};
}

const AofPart& AofManifest::AddIncremental(std::string_view prefix) {
  ++incremental_sequence_;
  incremental_.push_back({PartName(prefix, incremental_sequence_, ".incr.aof"),
                          incremental_sequence_, AofPartKind::kIncremental});
  return incremental_.back();
}

void AofManifest::RetireIncremental(size_t keep) {
  while (incremental_.size() > keep) {
    AofPart& last = incremental_[incremental_.size() - keep - 1];
    last.kind = AofPartKind::kHistory;
    history_.insert(history_.begin(), std::move(last));
    incremental_.erase(incremental_.end() - static_cast<std::ptrdiff_t>(keep) - 1);
  }
}

std::string AofManifestName(std::string_view prefix) {
  return std::string(prefix) + ".manifest";
}

}  // namespace keyway::shard::persistence
