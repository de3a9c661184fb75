// Writes RESP2 and RESP3 replies (https://redis.io/docs/reference/protocol-spec) into an
// OutputBuffer. Every method writes one complete value, or the header of an aggregate whose
// elements follow. What RESP2 lacks is written as Redis 7.0 writes it for RESP2 clients: a map as
// an array of twice the length, a set and a push as an array, a double as a bulk string, a boolean
// as :1 or :0, a null as $-1.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/output_buffer.h"

namespace keyway::resp {

enum class Version : uint8_t { kResp2 = 2, kResp3 = 3 };

class ReplyWriter {
 public:
  // `out` must outlive the writer.
  explicit ReplyWriter(OutputBuffer& out, Version version = Version::kResp2)
      : out_(&out), version_(version) {}

  Version version() const { return version_; }
  void set_version(Version version) { version_ = version; }
  OutputBuffer& buffer() { return *out_; }

  void Ok() { out_->Append("+OK\r\n"); }
  // `text` without CR or LF, and without the '+'.
  void Simple(std::string_view text);
  // `text` starts with its code: "ERR ...", "WRONGTYPE ...". CR and LF in it become spaces.
  void Error(std::string_view text);
  // The same for an error that a command has replied with before, and that was counted then: a
  // script hands it on.
  void ErrorAgain(std::string_view text);
  void Integer(int64_t value);
  void Bulk(std::string_view bytes);
  // The decimal digits of `value` as a bulk string.
  void BulkInteger(int64_t value);
  // As Redis prints a double: 17 significant digits at most, "inf", "-inf", "nan".
  void Double(double value);
  void Boolean(bool value);
  // RESP2 $-1, RESP3 _.
  void Null();
  // RESP2 *-1, RESP3 _.
  void NullArray();
  void BigNumber(std::string_view digits);
  // `format` is three letters: "txt" or "mkd". RESP2: a bulk string.
  void Verbatim(std::string_view format, std::string_view text);

  void ArrayHeader(size_t elements);
  // `pairs` keys with a value each.
  void MapHeader(size_t pairs);
  void SetHeader(size_t elements);
  void PushHeader(size_t elements);
  // RESP3 only: the caller checks version().
  void AttributeHeader(size_t pairs);

  // An aggregate whose length is known only after its elements: Begin, write them, then the End of
  // the same kind with the count.
  [[nodiscard]] OutputBuffer::Place BeginDeferred() { return out_->AppendPlace(); }
  void EndDeferredArray(OutputBuffer::Place place, size_t elements);
  void EndDeferredMap(OutputBuffer::Place place, size_t pairs);
  void EndDeferredSet(OutputBuffer::Place place, size_t elements);

  // How many errors were written, and the code of the last ("ERR", "MOVED"): what stands before the
  // first blank, cut to kErrorCodeBytes. For statistics.
  static constexpr size_t kErrorCodeBytes = 24;
  uint32_t errors() const { return errors_; }
  std::string_view error_code() const { return {error_code_, error_code_length_}; }
  // How many errors were handed on.
  uint32_t errors_again() const { return errors_again_; }

  // Bytes that are a complete reply already.
  void Raw(std::string_view bytes) { out_->Append(bytes); }

 private:
  void Header(char type, int64_t value);
  void ErrorLine(std::string_view text);

  OutputBuffer* out_;
  Version version_;
  uint8_t error_code_length_ = 0;
  uint32_t errors_ = 0;
  uint32_t errors_again_ = 0;
  char error_code_[kErrorCodeBytes];
};

// `value` as Redis 7.0 prints it in a RESP3 double or a RESP2 bulk string ("%.17g", "inf", "-inf",
// "nan"). Writes to `out` (at least 40 bytes) and returns the length.
size_t FormatDouble(double value, char* out);

}  // namespace keyway::resp
