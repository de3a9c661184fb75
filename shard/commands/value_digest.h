// Signatures of values and of whole data sets, as DEBUG DIGEST and DEBUG DIGEST-VALUE give them: equal
// for equal contents, whatever the encoding, the order of a set or hash, or the program that holds
// them.
//
//   Xor(digest, bytes) = digest xor SHA1(bytes)
//   Mix(digest, bytes) = SHA1(Xor(digest, bytes))
//
// starting at 20 zero bytes. Mix is used where the order counts, Xor where it does not.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "shard/keyspace/keyspace.h"
#include "shard/keyspace/record.h"

namespace keyway::shard::commands {

class Digest {
 public:
  void Xor(std::string_view bytes);
  // With the 20 bytes of `other`.
  void Xor(const Digest& other);
  void Mix(std::string_view bytes);
  // 40 hexadecimal digits.
  std::string Hex() const;

 private:
  std::array<uint8_t, 20> bytes_{};
};

// Adds the type, the value and whether there is an expiry.
void MixValue(const keyspace::Record& record, Digest* digest);

// Of all keys of all databases.
Digest DigestOfKeyspace(keyspace::Keyspace& keyspace);

}  // namespace keyway::shard::commands
