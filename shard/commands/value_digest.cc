#include "shard/commands/value_digest.h"

#include <string>
#include <vector>

#include <openssl/sha.h>

#include "shard/types/encodings/field_table.h"
#include "shard/types/encodings/intset.h"
#include "shard/types/encodings/listpack.h"
#include "shard/types/encodings/quicklist.h"
#include "shard/types/encodings/set_table.h"
#include "shard/types/encodings/sorted_set.h"
#include "shard/types/encodings/stream.h"
#include "shard/types/score.h"
#include "shard/types/string.h"
#include "shard/types/zset.h"

namespace keyway::shard::commands {

using keyspace::Encoding;
using keyspace::Record;
using keyspace::Type;
using types::ListpackView;

namespace {

using Digits = ListpackView::Element::Digits;

// A number as 4 bytes, big endian.
std::string_view Number(uint32_t number, char (&bytes)[4]) {
  for (size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(number >> (24 - 8 * i) & 0xff);
  return {bytes, 4};
}

uint32_t TypeNumber(Type type) {
  switch (type) {
    case Type::kString:
      return 0;
    case Type::kList:
      return 1;
    case Type::kSet:
      return 2;
    case Type::kZset:
      return 3;
    case Type::kHash:
      return 4;
    case Type::kStream:
      return 6;
  }
  return 0;
}

void XorPair(std::string_view first, std::string_view second, Digest* digest) {
  Digest pair;
  pair.Mix(first);
  pair.Mix(second);
  digest->Xor(pair);
}

void MixList(const types::Quicklist& list, Digest* digest) {
  using End = types::Quicklist::End;
  for (auto at = list.Begin(End::kHead); at; at = list.Next(at)) {
    Digits digits;
    digest->Mix(list.At(at).Text(digits));
  }
}

void MixSet(const Record& record, Digest* digest) {
  if (record.encoding() == Encoding::kIntset) {
    const types::IntsetView set(record.object());
    for (size_t i = 0; i < set.size(); ++i) digest->Xor(std::to_string(set.At(i)));
  } else {
    static_cast<const types::SetTable*>(record.object())->ForEach([&](std::string_view member) {
      digest->Xor(member);
    });
  }
}

void MixZset(const Record& record, Digest* digest) {
  const types::ZsetView set(record);
  set.ForEach(set.All(), false, [&](const types::ZsetElement& element) {
    char score[types::kScoreBytes];
    XorPair(element.member(), {score, types::FormatScore(element.score(), score)}, digest);
  });
}

void MixHash(const Record& record, Digest* digest) {
  if (record.encoding() == Encoding::kHashtable) {
    static_cast<const types::FieldTable*>(record.object())->ForEach([&](const types::Field& field) {
      XorPair(field.name(), field.value(), digest);
    });
    return;
  }
  const ListpackView pack(record.object());
  for (auto at = pack.First(); at != ListpackView::kNone;) {
    Digits digits[2];
    const ListpackView::Element field = pack.At(at);
    at = pack.Next(at);
    const ListpackView::Element value = pack.At(at);
    at = pack.Next(at);
    XorPair(field.Text(digits[0]), value.Text(digits[1]), digest);
  }
}

void MixStream(const types::Stream& stream, Digest* digest) {
  types::StreamWalk walk(stream);
  while (walk.Next()) {
    digest->Mix(std::to_string(walk.id().ms) + "." + std::to_string(walk.id().seq));
    for (size_t i = 0; i < walk.field_count(); ++i) {
      ListpackView::Element field;
      ListpackView::Element value;
      Digits digits;
      walk.NextField(&field, &value);
      digest->Mix(field.Text(digits));
      digest->Mix(value.Text(digits));
    }
  }
}

}  // namespace

void Digest::Xor(std::string_view bytes) {
  std::array<uint8_t, 20> hash;
  SHA1(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash.data());
  for (size_t i = 0; i < bytes_.size(); ++i) bytes_[i] ^= hash[i];
}

void Digest::Xor(const Digest& other) {
  Xor({reinterpret_cast<const char*>(other.bytes_.data()), other.bytes_.size()});
}

void Digest::Mix(std::string_view bytes) {
  Xor(bytes);
  const auto mixed = bytes_;
  SHA1(mixed.data(), mixed.size(), bytes_.data());
}

std::string Digest::Hex() const {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (uint8_t byte : bytes_) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

void MixValue(const Record& record, Digest* digest) {
  char type[4];
  digest->Mix(Number(TypeNumber(record.type()), type));
  switch (record.type()) {
    case Type::kString:
      digest->Mix(types::StringBytes(record).view());
      break;
    case Type::kList:
      MixList(*static_cast<const types::Quicklist*>(record.object()), digest);
      break;
    case Type::kSet:
      MixSet(record, digest);
      break;
    case Type::kZset:
      MixZset(record, digest);
      break;
    case Type::kHash:
      MixHash(record, digest);
      break;
    case Type::kStream:
      MixStream(*static_cast<const types::Stream*>(record.object()), digest);
      break;
  }
  if (record.has_expiry()) digest->Xor("!!expire!!");
}

Digest DigestOfKeyspace(keyspace::Keyspace& keyspace) {
  constexpr size_t kStep = 1000;
  Digest all;
  std::vector<const Record*> found;
  for (int index = 0; index < keyspace.database_count(); ++index) {
    const keyspace::Database& database = keyspace.database(index);
    if (database.size() == 0) continue;
    char number[4];
    all.Mix(Number(static_cast<uint32_t>(index), number));
    keyspace::Database::Cursor cursor = 0;
    do {
      found.clear();
      cursor = database.Scan(cursor, kStep, &found);
      for (const Record* record : found) {
        Digest one;
        one.Mix(record->key());
        MixValue(*record, &one);
        all.Xor(one);
      }
    } while (cursor != 0);
  }
  return all;
}

}  // namespace keyway::shard::commands
