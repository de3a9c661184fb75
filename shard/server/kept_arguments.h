// The arguments of a command that outlive the request they came in: of a queued command, of one
// that waits. One allocation for the bytes, one for the views.
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
  explicit KeptArguments(std::span<const std::string_view> args) : views_(args.size()) {
    for (std::string_view argument : args) bytes_ += argument.size();
    text_ = std::make_unique_for_overwrite<char[]>(bytes_);
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
  std::unique_ptr<char[]> text_;
  size_t bytes_ = 0;
  std::vector<std::string_view> views_;
};

}  // namespace keyway::shard
