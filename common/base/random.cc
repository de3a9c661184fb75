#include "common/base/random.h"

namespace keyway {

Random Random::FromEntropy() {
  std::random_device device;
  return Random((static_cast<uint64_t>(device()) << 32) ^ device());
}

std::string Random::Hex(int length) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(static_cast<size_t>(length), '0');
  for (char& digit : text) digit = kDigits[Below(16)];
  return text;
}

}  // namespace keyway
