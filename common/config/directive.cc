#include "common/config/directive.h"

namespace keyway::config {

std::vector<RewriteLine> Value::Rewrite(const std::string& initial) const {
  std::string text = Get();
  bool changed = text != initial;
  return {{std::move(text), changed}};
}

Expected<bool> Value::SetFromFile(std::span<const std::string> words, bool) {
  return Set(words);
}

}  // namespace keyway::config
