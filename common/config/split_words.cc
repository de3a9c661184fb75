#include "common/config/split_words.h"

#include <cctype>
#include <cstdint>

namespace keyway::config {

namespace {

bool IsBlank(char c) {
  return std::isspace(static_cast<unsigned char>(c)) != 0;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char Unescape(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Walks over one line. The word under construction is appended to by the Read functions.
class Splitter {
 public:
  explicit Splitter(std::string_view line) : line_(line) {}

  std::optional<std::vector<std::string>> Run() {
    std::vector<std::string> words;
    while (true) {
      while (!AtEnd() && IsBlank(Peek())) ++at_;
      if (AtEnd()) return words;
      std::string word;
      if (!ReadWord(word)) return std::nullopt;
      words.push_back(std::move(word));
    }
  }

 private:
  // A NUL byte ends the line, as it does for Redis.
  bool AtEnd() const { return at_ >= line_.size() || line_[at_] == '\0'; }
  char Peek(size_t ahead = 0) const {
    return at_ + ahead < line_.size() ? line_[at_ + ahead] : '\0';
  }

  // A quote may open in the middle of a word, but where it closes the word ends.
  bool ReadWord(std::string& word) {
    while (!AtEnd() && !IsBlank(Peek())) {
      char c = line_[at_++];
      if (c == '"') return ReadDoubleQuoted(word) && WordEnds();
      if (c == '\'') return ReadSingleQuoted(word) && WordEnds();
      word.push_back(c);
    }
    return true;
  }

  bool WordEnds() const { return AtEnd() || IsBlank(Peek()); }

  bool ReadDoubleQuoted(std::string& word) {
    while (!AtEnd()) {
      char c = line_[at_++];
      if (c == '"') return true;
      if (c != '\\' || AtEnd()) {
        word.push_back(c);
        continue;
      }
      int high = HexDigit(Peek(1)), low = HexDigit(Peek(2));
      if (Peek() == 'x' && high >= 0 && low >= 0) {
        word.push_back(static_cast<char>(high * 16 + low));
        at_ += 3;
      } else {
        word.push_back(Unescape(line_[at_++]));
      }
    }
    return false;
  }

  bool ReadSingleQuoted(std::string& word) {
    while (!AtEnd()) {
      char c = line_[at_++];
      if (c == '\'') return true;
      if (c == '\\' && Peek() == '\'') c = line_[at_++];
      word.push_back(c);
    }
    return false;
  }

  std::string_view line_;
  size_t at_ = 0;
};

}  // namespace

std::optional<std::vector<std::string>> SplitWords(std::string_view line) {
  return Splitter(line).Run();
}

std::string Quote(std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (char c : text) {
    switch (c) {
      case '\\':
      case '"':
        quoted.push_back('\\');
        quoted.push_back(c);
        break;
      case '\n':
        quoted += "\\n";
        break;
      case '\r':
        quoted += "\\r";
        break;
      case '\t':
        quoted += "\\t";
        break;
      case '\a':
        quoted += "\\a";
        break;
      case '\b':
        quoted += "\\b";
        break;
      default:
        if (c >= 0x20 && c < 0x7f) {
          quoted.push_back(c);
        } else {
          auto byte = static_cast<uint8_t>(c);
          quoted += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
        }
    }
  }
  quoted.push_back('"');
  return quoted;
}

}  // namespace keyway::config
