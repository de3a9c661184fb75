#include "common/hyperloglog/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace keyway {
namespace {

constexpr int kIndexBits = 14;
constexpr int kHashBits = 64 - kIndexBits;
constexpr size_t kEncodingOffset = 4;
constexpr size_t kCountOffset = 8;
constexpr char kDense = 0;
constexpr char kSparse = 1;
constexpr std::string_view kMagic = "HYLL";
constexpr uint64_t kSeed = 0xadc83b19;

constexpr size_t kMaxZeroRun = 64;
constexpr size_t kMaxValueRun = 4;
constexpr uint8_t kMaxSparseValue = 32;

// MurmurHash64A by Austin Appleby (public domain), little endian on any machine.
uint64_t Hash(std::string_view bytes) {
  constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
  constexpr int kShift = 47;
  uint64_t hash = kSeed ^ (bytes.size() * kMultiplier);
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
    word *= kMultiplier;
    word ^= word >> kShift;
    hash = (hash ^ (word * kMultiplier)) * kMultiplier;
  }
  if (left != 0) {
    uint64_t rest = 0;
    for (size_t i = 0; i < left; ++i) rest |= uint64_t{static_cast<uint8_t>(at[i])} << (8 * i);
    hash = (hash ^ rest) * kMultiplier;
  }
  hash = (hash ^ (hash >> kShift)) * kMultiplier;
  return hash ^ (hash >> kShift);
}

struct Place {
  size_t index;
  uint8_t value;
};

Place PlaceOf(std::string_view element) {
  const uint64_t hash = Hash(element);
  const uint64_t rest = (hash >> kIndexBits) | (uint64_t{1} << kHashBits);
  return {.index = hash & (HyperLogLog::kRegisters - 1),
          .value = static_cast<uint8_t>(std::countr_zero(rest) + 1)};
}

uint8_t GetRegister(const char* registers, size_t index) {
  const size_t bit = index * 6;
  const auto* at = reinterpret_cast<const uint8_t*>(registers) + bit / 8;
  const size_t shift = bit % 8;
  unsigned word = at[0];
  if (shift > 2) word |= static_cast<unsigned>(at[1]) << 8;
  return static_cast<uint8_t>(word >> shift & 63);
}

void SetRegister(char* registers, size_t index, uint8_t value) {
  const size_t bit = index * 6;
  auto* at = reinterpret_cast<uint8_t*>(registers) + bit / 8;
  const size_t shift = bit % 8;
  at[0] = static_cast<uint8_t>((at[0] & ~(63u << shift)) | (static_cast<unsigned>(value) << shift));
  if (shift > 2) {
    at[1] = static_cast<uint8_t>((at[1] & ~(63u >> (8 - shift))) |
                                 (static_cast<unsigned>(value) >> (8 - shift)));
  }
}

bool RaiseDense(char* bytes, size_t index, uint8_t value) {
  char* registers = bytes + HyperLogLog::kHeaderBytes;
  if (GetRegister(registers, index) >= value) return false;
  SetRegister(registers, index, value);
  return true;
}

// One run of a sparse one.
struct Run {
  enum class Kind : uint8_t { kZero, kLongZero, kValue };
  Kind kind = Kind::kZero;
  uint8_t value = 0;
  size_t registers = 0;
  size_t bytes = 1;
};

bool IsValueRun(char byte) {
  return (byte & 0x80) != 0;
}

// `at` is below the end. What is cut off there counts as 0, as it does for Redis.
Run ReadRun(std::string_view bytes, size_t at) {
  const auto first = static_cast<uint8_t>(bytes[at]);
  if ((first & 0x80) != 0) {
    return {Run::Kind::kValue, static_cast<uint8_t>((first >> 2 & 31) + 1), (first & 3u) + 1, 1};
  }
  if ((first & 0x40) == 0) return {Run::Kind::kZero, 0, (first & 63u) + 1, 1};
  const size_t low = at + 1 < bytes.size() ? static_cast<uint8_t>(bytes[at + 1]) : 0;
  return {Run::Kind::kLongZero, 0, ((first & 63u) << 8 | low) + 1, 2};
}

// Calls visit(first register, run) for each run. Returns whether they are all registers, no more.
template <typename Visit>
bool ForEachRun(std::string_view bytes, Visit&& visit) {
  size_t index = 0;
  Run run;
  for (size_t at = HyperLogLog::kHeaderBytes; at < bytes.size(); at += run.bytes) {
    run = ReadRun(bytes, at);
    if (run.registers > HyperLogLog::kRegisters - index) return false;
    visit(index, run);
    index += run.registers;
  }
  return index == HyperLogLog::kRegisters;
}

char ValueRun(uint8_t value, size_t registers) {
  return static_cast<char>(0x80 | (value - 1) << 2 | static_cast<int>(registers - 1));
}

// Writes a run of zeros, at most two bytes. Returns the end.
char* WriteZeros(char* out, size_t registers) {
  const size_t length = registers - 1;
  if (registers > kMaxZeroRun) {
    *out++ = static_cast<char>(0x40 | length >> 8);
    *out++ = static_cast<char>(length & 0xff);
  } else {
    *out++ = static_cast<char>(length);
  }
  return out;
}

// Joins neighbouring runs of one value near `at`, where a change has been made.
void JoinRuns(std::string* bytes, size_t at) {
  constexpr int kMostRuns = 5;
  for (int i = 0; i < kMostRuns && at < bytes->size(); ++i) {
    const Run run = ReadRun(*bytes, at);
    if (run.kind == Run::Kind::kValue && at + 1 < bytes->size() && IsValueRun((*bytes)[at + 1])) {
      const Run next = ReadRun(*bytes, at + 1);
      const size_t joined = run.registers + next.registers;
      if (next.value == run.value && joined <= kMaxValueRun) {
        (*bytes)[at + 1] = ValueRun(run.value, joined);
        bytes->erase(at, 1);
        continue;
      }
    }
    at += run.bytes;
  }
}

int PromoteAndRaise(std::string* bytes, size_t index, uint8_t value) {
  if (!HyperLogLog::MakeDense(bytes)) return -1;
  return RaiseDense(bytes->data(), index, value) ? 1 : 0;
}

int RaiseSparse(std::string* bytes, size_t limit, size_t index, uint8_t value) {
  if (value > kMaxSparseValue) return PromoteAndRaise(bytes, index, value);
  // The run that holds the register, and where the one before it starts.
  size_t at = HyperLogLog::kHeaderBytes;
  size_t previous = at;
  size_t first = 0;
  Run run;
  while (true) {
    if (at >= bytes->size()) return -1;
    run = ReadRun(*bytes, at);
    if (index < first + run.registers) break;
    previous = at;
    at += run.bytes;
    first += run.registers;
  }
  if (run.kind == Run::Kind::kValue && run.value >= value) return 0;
  if (run.registers == 1 && run.kind != Run::Kind::kLongZero) {
    (*bytes)[at] = ValueRun(value, 1);
  } else {
    // What is before it, itself, and what is behind it.
    char parts[5];
    char* end = parts;
    const auto write_rest = [&](size_t registers) {
      if (registers == 0) return;
      if (run.kind == Run::Kind::kValue) {
        *end++ = ValueRun(run.value, registers);
      } else {
        end = WriteZeros(end, registers);
      }
    };
    write_rest(index - first);
    *end++ = ValueRun(value, 1);
    write_rest(first + run.registers - 1 - index);
    const auto length = static_cast<size_t>(end - parts);
    const size_t size = bytes->size() + length - run.bytes;
    if (length > run.bytes && size > limit) return PromoteAndRaise(bytes, index, value);
    bytes->replace(at, run.bytes, parts, length);
    bytes->resize(size);  // one that was cut off stays cut off
  }
  JoinRuns(bytes, previous);
  HyperLogLog::InvalidateCount(bytes->data());
  return 1;
}

// How many registers have each value.
using Histogram = std::array<uint32_t, 64>;

double Sigma(double x) {
  if (x == 1.0) return INFINITY;
  double weight = 1;
  double sum = x;
  double before;
  do {
    x *= x;
    before = sum;
    sum += x * weight;
    weight += weight;
  } while (sum != before);
  return sum;
}

double Tau(double x) {
  if (x == 0.0 || x == 1.0) return 0.0;
  double weight = 1.0;
  double sum = 1 - x;
  double before;
  do {
    x = std::sqrt(x);
    before = sum;
    weight *= 0.5;
    sum -= std::pow(1 - x, 2) * weight;
  } while (sum != before);
  return sum / 3;
}

uint64_t Estimate(const Histogram& histogram) {
  constexpr double kAlpha = 0.721347520444481703680;  // 0.5 / ln 2
  constexpr auto kCount = static_cast<double>(HyperLogLog::kRegisters);
  double z = kCount * Tau((kCount - histogram[kHashBits + 1]) / kCount);
  for (size_t value = kHashBits; value >= 1; --value) {
    z += histogram[value];
    z *= 0.5;
  }
  z += kCount * Sigma(histogram[0] / kCount);
  return static_cast<uint64_t>(std::llroundl(kAlpha * kCount * kCount / z));
}

// Calls visit(index, value) for the registers of a dense one, four at a time from three bytes.
template <typename Visit>
void ForEachDense(std::string_view bytes, Visit&& visit) {
  const auto* at = reinterpret_cast<const uint8_t*>(bytes.data()) + HyperLogLog::kHeaderBytes;
  for (size_t index = 0; index < HyperLogLog::kRegisters; index += 4, at += 3) {
    const uint32_t word = at[0] | uint32_t{at[1]} << 8 | uint32_t{at[2]} << 16;
    visit(index, static_cast<uint8_t>(word & 63));
    visit(index + 1, static_cast<uint8_t>(word >> 6 & 63));
    visit(index + 2, static_cast<uint8_t>(word >> 12 & 63));
    visit(index + 3, static_cast<uint8_t>(word >> 18 & 63));
  }
}

}  // namespace

bool HyperLogLog::IsValid(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes || !bytes.starts_with(kMagic)) return false;
  const char encoding = bytes[kEncodingOffset];
  if (encoding == kDense) return bytes.size() == kDenseBytes;
  return encoding == kSparse;
}

std::optional<uint64_t> HyperLogLog::CachedCount(std::string_view bytes) {
  uint64_t count = 0;
  for (size_t i = 8; i-- > 0;) {
    count = count << 8 | static_cast<uint8_t>(bytes[kCountOffset + i]);
  }
  if (count >> 63 != 0) return std::nullopt;
  return count;
}

void HyperLogLog::SetCachedCount(char* bytes, uint64_t count) {
  for (size_t i = 0; i < 8; ++i) {
    bytes[kCountOffset + i] = static_cast<char>(count >> (8 * i) & 0xff);
  }
}

void HyperLogLog::InvalidateCount(char* bytes) {
  bytes[kCountOffset + 7] = static_cast<char>(bytes[kCountOffset + 7] | 0x80);
}

std::optional<uint64_t> HyperLogLog::Count(std::string_view bytes) {
  Histogram histogram{};
  if (!IsSparse(bytes)) {
    ForEachDense(bytes, [&](size_t, uint8_t value) { ++histogram[value]; });
  } else if (!ForEachRun(bytes, [&](size_t, const Run& run) {
               histogram[run.value] += static_cast<uint32_t>(run.registers);
             })) {
    return std::nullopt;
  }
  return Estimate(histogram);
}

uint64_t HyperLogLog::Count(const Registers& registers) {
  Histogram histogram{};
  for (uint8_t value : registers) ++histogram[value];
  return Estimate(histogram);
}

bool HyperLogLog::MergeInto(std::string_view bytes, Registers* registers) {
  const auto raise = [&](size_t index, uint8_t value) {
    (*registers)[index] = std::max((*registers)[index], value);
  };
  if (!IsSparse(bytes)) {
    ForEachDense(bytes, raise);
    return true;
  }
  return ForEachRun(bytes, [&](size_t first, const Run& run) {
    if (run.kind != Run::Kind::kValue) return;
    for (size_t i = 0; i < run.registers; ++i) raise(first + i, run.value);
  });
}

std::string HyperLogLog::Empty() {
  std::string bytes(kHeaderBytes, '\0');
  bytes.replace(0, kMagic.size(), kMagic);
  bytes[kEncodingOffset] = kSparse;
  bytes += "\x7f\xff";
  return bytes;
}

bool HyperLogLog::MakeDense(std::string* bytes) {
  if (!IsSparse(*bytes)) return true;
  std::string dense(kDenseBytes, '\0');
  dense.replace(0, kHeaderBytes, *bytes, 0, kHeaderBytes);
  dense[kEncodingOffset] = kDense;
  const bool whole = ForEachRun(*bytes, [&](size_t first, const Run& run) {
    if (run.kind != Run::Kind::kValue) return;
    for (size_t i = 0; i < run.registers; ++i) {
      SetRegister(dense.data() + kHeaderBytes, first + i, run.value);
    }
  });
  if (whole) *bytes = std::move(dense);
  return whole;
}

int HyperLogLog::Raise(std::string* bytes, size_t sparse_limit, size_t index, uint8_t value) {
  if (IsSparse(*bytes)) return RaiseSparse(bytes, sparse_limit, index, value);
  return RaiseDense(bytes->data(), index, value) ? 1 : 0;
}

int HyperLogLog::Add(std::string* bytes, size_t sparse_limit, std::string_view element) {
  const Place place = PlaceOf(element);
  return Raise(bytes, sparse_limit, place.index, place.value);
}

bool HyperLogLog::AddToDense(char* bytes, std::string_view element) {
  const Place place = PlaceOf(element);
  return RaiseDense(bytes, place.index, place.value);
}

uint8_t HyperLogLog::DenseRegister(std::string_view bytes, size_t index) {
  return GetRegister(bytes.data() + kHeaderBytes, index);
}

std::string HyperLogLog::Describe(std::string_view bytes) {
  std::string text;
  Run run;
  for (size_t at = kHeaderBytes; at < bytes.size(); at += run.bytes) {
    run = ReadRun(bytes, at);
    if (!text.empty()) text += ' ';
    switch (run.kind) {
      case Run::Kind::kZero:
        text += "z:";
        break;
      case Run::Kind::kLongZero:
        text += "Z:";
        break;
      case Run::Kind::kValue:
        text += "v:" + std::to_string(run.value) + ",";
        break;
    }
    text += std::to_string(run.registers);
  }
  return text;
}

std::string TestHyperLogLog() {
  std::string dense(HyperLogLog::kDenseBytes, '\0');
  // Neighbouring registers do not touch each other.
  uint64_t seed = 1;
  std::array<uint8_t, HyperLogLog::kRegisters> expected{};
  for (int round = 0; round < 20; ++round) {
    for (size_t i = 0; i < HyperLogLog::kRegisters; ++i) {
      seed = seed * 6364136223846793005u + 1442695040888963407u;
      expected[i] = static_cast<uint8_t>(seed >> 58);
      SetRegister(dense.data() + HyperLogLog::kHeaderBytes, i, expected[i]);
    }
    for (size_t i = 0; i < HyperLogLog::kRegisters; ++i) {
      if (HyperLogLog::DenseRegister(dense, i) != expected[i]) {
        return "TESTFAILED Register " + std::to_string(i) + " should be " +
               std::to_string(expected[i]) + " but is " +
               std::to_string(HyperLogLog::DenseRegister(dense, i));
      }
    }
  }
  // Both encodings give the same estimate, and that is near the truth.
  std::string sparse = HyperLogLog::Empty();
  dense = sparse;
  HyperLogLog::MakeDense(&dense);
  constexpr uint64_t kElements = 1'000'000;
  constexpr size_t kNoLimit = 3000;
  uint64_t checkpoint = 1;
  for (uint64_t element = 1; element <= kElements; ++element) {
    const uint64_t mixed = element * 0x9e3779b97f4a7c15u;
    const std::string_view bytes(reinterpret_cast<const char*>(&mixed), sizeof(mixed));
    HyperLogLog::AddToDense(dense.data(), bytes);
    if (HyperLogLog::IsSparse(sparse)) HyperLogLog::Add(&sparse, kNoLimit, bytes);
    if (element != checkpoint) continue;
    checkpoint *= 10;
    const uint64_t estimate = *HyperLogLog::Count(dense);
    if (HyperLogLog::IsSparse(sparse) && HyperLogLog::Count(sparse) != estimate) {
      return "TESTFAILED dense/sparse disagree";
    }
    // Six times the standard error, and what few elements may be off by.
    const double allowed = std::max(2.0, 6 * 0.0081 * static_cast<double>(element));
    if (std::abs(static_cast<double>(estimate) - static_cast<double>(element)) > allowed) {
      return "TESTFAILED Too big error. card:" + std::to_string(element) + " got:" + std::to_string(estimate);
    }
  }
  return "";
}

}  // namespace keyway
