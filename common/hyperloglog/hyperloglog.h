// HyperLogLog: how many distinct elements were added, within 0.81 %, in at most 12 KB. A string with
// Redis's own layout, so that its bytes can be read, stored and sent as those of any string:
//
//   "HYLL" | encoding (1 byte: 0 dense, 1 sparse) | 3 bytes 0 | cached cardinality (8, little endian;
//   the highest bit set: it is out of date) | registers
//
//   dense:  16384 registers of 6 bits, the first in the lowest bits of the first byte
//   sparse: runs of registers with one value
//     00xxxxxx           x + 1 registers that are 0             (ZERO)
//     01xxxxxx xxxxxxxx  x + 1 registers that are 0             (XZERO)
//     1vvvvvxx           x + 1 registers that are v + 1, <= 32  (VAL)
//
// An element's register is the low 14 bits of its hash (MurmurHash64A), and what may raise that is 1
// more than the number of zero bits that follow. A sparse one that would grow past a limit becomes
// dense. The estimator is Otmar Ertl's (arXiv:1702.01284, algorithm 6).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keyway {

// The bytes of one. Any bytes will do where not said otherwise.
class HyperLogLog {
 public:
  static constexpr size_t kRegisters = 16384;
  static constexpr size_t kHeaderBytes = 16;
  static constexpr size_t kDenseBytes = kHeaderBytes + kRegisters * 6 / 8;
  using Registers = std::array<uint8_t, kRegisters>;

  // Whether the header is one, and the length if it is dense.
  static bool IsValid(std::string_view bytes);
  // The below take only bytes that are valid in this sense.
  static bool IsSparse(std::string_view bytes) { return bytes[4] == 1; }
  // nullopt: out of date.
  static std::optional<uint64_t> CachedCount(std::string_view bytes);
  static void SetCachedCount(char* bytes, uint64_t count);
  static void InvalidateCount(char* bytes);
  // nullopt: the registers are corrupted.
  static std::optional<uint64_t> Count(std::string_view bytes);
  static uint64_t Count(const Registers& registers);
  // Raises each of `registers` to what it is in `bytes`. Returns false for corrupted ones.
  static bool MergeInto(std::string_view bytes, Registers* registers);

  // A sparse one without elements.
  static std::string Empty();
  // False for corrupted ones, which stay as they are.
  static bool MakeDense(std::string* bytes);
  // Raises a register. 1: done; 0: it was as high already; -1: corrupted.
  static int Raise(std::string* bytes, size_t sparse_limit, size_t index, uint8_t value);
  static int Add(std::string* bytes, size_t sparse_limit, std::string_view element);
  // The same for a dense one, whose length does not change.
  static bool AddToDense(char* bytes, std::string_view element);

  static uint8_t DenseRegister(std::string_view bytes, size_t index);

  // The runs of a sparse one as PFDEBUG DECODE prints them: "Z:100 v:1,2 z:5".
  static std::string Describe(std::string_view bytes);
};

// PFSELFTEST: "" when all is well, else what is not.
std::string TestHyperLogLog();

}  // namespace keyway
