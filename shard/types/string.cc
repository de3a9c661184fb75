#include "shard/types/string.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <utility>

#include <glog/logging.h>

#include "shard/types/integer.h"
#include "shard/types/long_double.h"

namespace keyway::shard::types {

using keyspace::Access;
using keyspace::Database;
using keyspace::Encoding;
using keyspace::Event;
using keyspace::Key;
using keyspace::RawString;
using keyspace::Record;
using keyspace::Type;
using keyspace::Value;

namespace {

// What has been computed is not tried as an integer.
Value StoreAsBytes(std::string_view bytes) {
  if (bytes.size() <= keyspace::kMaxEmbeddedBytes) return Value::Embedded(bytes);
  return Value::Raw(RawString::Copy(bytes));
}

// Makes the string of `record`, which is a string, `length` bytes long, which is not less than
// before, and writes `bytes` at `offset`.
void WriteAt(Database& database, const Key& key, const Record& record, size_t offset,
             std::string_view bytes, size_t length, int64_t now_ms, Event event) {
  if (record.encoding() == Encoding::kRaw) {
    database.ChangeInPlace(key, &record, event, [&](Record& changed) {
      RawString::Ptr string = changed.TakeRaw();
      if (length > string->length()) string = RawString::Extend(std::move(string), length);
      if (!bytes.empty()) std::memcpy(string->data() + offset, bytes.data(), bytes.size());
      changed.set_raw(std::move(string));
    });
    return;
  }
  const StringBytes old(record);
  RawString::Ptr string = RawString::Extend(RawString::Copy(old.view()), length);
  if (!bytes.empty()) std::memcpy(string->data() + offset, bytes.data(), bytes.size());
  database.Set(key, Value::Raw(std::move(string)), keyspace::kKeepExpiry, now_ms, event);
}

bool IsTooLong(size_t size, size_t more, size_t max_bytes) {
  return more > max_bytes || size > max_bytes - more;
}

}  // namespace

Value EncodeString(std::string_view bytes) {
  int64_t integer = 0;
  if (ParseInteger(bytes, &integer)) return Value::Integer(integer);
  return StoreAsBytes(bytes);
}

StringBytes::StringBytes(const Record& record) {
  switch (record.encoding()) {
    case Encoding::kInt: {
      const char* end = std::to_chars(digits_, digits_ + sizeof(digits_), record.integer()).ptr;
      view_ = {digits_, static_cast<size_t>(end - digits_)};
      break;
    }
    case Encoding::kEmbstr:
      view_ = record.embedded();
      break;
    case Encoding::kRaw:
      view_ = record.raw().view();
      break;
    default:
      LOG(FATAL) << "not a string: " << keyspace::EncodingName(record.encoding());
  }
}

size_t StringLength(const Record& record) {
  return StringBytes(record).view().size();
}

std::string_view Substring(std::string_view bytes, int64_t start, int64_t end) {
  const auto length = static_cast<int64_t>(bytes.size());
  if (start < 0 && end < 0 && start > end) return {};
  if (start < 0) start = std::max<int64_t>(0, start + length);
  if (end < 0) end = std::max<int64_t>(0, end + length);
  end = std::min(end, length - 1);
  if (start > end || length == 0) return {};
  return bytes.substr(static_cast<size_t>(start), static_cast<size_t>(end - start + 1));
}

Expected<int64_t, StringError> IncrementBy(Database& database, const Key& key, int64_t increment,
                                           int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  int64_t value = 0;
  if (record != nullptr) {
    if (record->type() != Type::kString) return StringError::kWrongType;
    if (record->encoding() == Encoding::kInt) {
      value = record->integer();
    } else if (!ParseInteger(StringBytes(*record).view(), &value)) {
      return StringError::kNotInteger;
    }
  }
  int64_t sum;
  if (__builtin_add_overflow(value, increment, &sum)) return StringError::kOverflow;
  if (record != nullptr && record->encoding() == Encoding::kInt) {
    database.ChangeInPlace(key, record, Event::kIncrBy,
                           [sum](Record& changed) { changed.set_integer(sum); });
  } else {
    database.Set(key, Value::Integer(sum), keyspace::kKeepExpiry, now_ms, Event::kIncrBy);
  }
  return sum;
}

Expected<std::string, StringError> IncrementByFloat(Database& database, const Key& key,
                                                    long double increment, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  long double value = 0;
  if (record != nullptr) {
    if (record->type() != Type::kString) return StringError::kWrongType;
    if (!ParseLongDouble(StringBytes(*record).view(), &value)) return StringError::kNotFloat;
  }
  value += increment;
  if (std::isnan(value) || std::isinf(value)) return StringError::kNanOrInfinity;
  std::string text = FormatLongDouble(value);
  database.Set(key, StoreAsBytes(text), keyspace::kKeepExpiry, now_ms, Event::kIncrByFloat);
  return text;
}

Expected<size_t, StringError> Append(Database& database, const Key& key, std::string_view bytes,
                                     size_t max_bytes, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record == nullptr) {
    database.Set(key, EncodeString(bytes), keyspace::kNoExpiry, now_ms, Event::kAppend);
    return bytes.size();
  }
  if (record->type() != Type::kString) return StringError::kWrongType;
  const size_t length = StringLength(*record);
  if (IsTooLong(length, bytes.size(), max_bytes)) return StringError::kTooLong;
  WriteAt(database, key, *record, length, bytes, length + bytes.size(), now_ms, Event::kAppend);
  return length + bytes.size();
}

Expected<size_t, StringError> SetRange(Database& database, const Key& key, size_t offset,
                                       std::string_view bytes, size_t max_bytes, int64_t now_ms) {
  const Record* record = database.Find(key, now_ms, Access::kWrite);
  if (record != nullptr && record->type() != Type::kString) return StringError::kWrongType;
  const size_t length = record == nullptr ? 0 : StringLength(*record);
  if (bytes.empty()) return length;
  if (IsTooLong(offset, bytes.size(), max_bytes)) return StringError::kTooLong;
  const size_t new_length = std::max(length, offset + bytes.size());
  if (record != nullptr) {
    WriteAt(database, key, *record, offset, bytes, new_length, now_ms, Event::kSetRange);
  } else {
    RawString::Ptr string = RawString::Zeros(new_length);
    std::memcpy(string->data() + offset, bytes.data(), bytes.size());
    database.Set(key, Value::Raw(std::move(string)), keyspace::kNoExpiry, now_ms, Event::kSetRange);
  }
  return new_length;
}

}  // namespace keyway::shard::types
