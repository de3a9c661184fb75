// The arguments of a command that outlive the request they came in: of a queued command, of one
// that waits, of one that may stand aside. One allocation for the bytes, one for the views.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace keyway::shard {

class KeptArguments {
 public:
  KeptArguments() = default;
  explicit KeptArguments(std::span<const std::string_view> args) { Assign(args); }

  // Keeps these instead, in the memory that is there if it is enough and not far too much.
  void Assign(std::span<const std::string_view> args) {
    bytes_ = 0;
    for (std::string_view argument : args) bytes_ += argument.size();
    if (bytes_ > capacity_ || capacity_ > bytes_ + kSpareBytes) {
      text_ = std::make_unique_for_overwrite<char[]>(bytes_);
      capacity_ = bytes_;
    }
    if (views_.capacity() > args.size() + kSpareBytes) views_ = {};
    views_.resize(args.size());
    char* end = text_.get();
    for (size_t i = 0; i < args.size(); ++i) {
      views_[i] = {end, args[i].size()};
      end = std::copy(args[i].begin(), args[i].end(), end);
    }
  }

  // Valid as long as this object, wherever it moves.
  std::span<const std::string_view> view() const { return views_; }
  size_t Memory() const { return bytes_ + views_.capacity() * sizeof(std::string_view); }

 private:
  static constexpr size_t kSpareBytes = 16 * 1024;

  std::unique_ptr<char[]> text_;
  size_t bytes_ = 0;
  size_t capacity_ = 0;
  std::vector<std::string_view> views_;
};

}  // namespace keyway::shard
