#include "common/resp/reply_writer.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>

namespace keyway::resp {
namespace {

constexpr size_t kHeaderBytes = 32;

size_t FormatHeader(char type, int64_t value, char* out) {
  out[0] = type;
  char* end = std::to_chars(out + 1, out + kHeaderBytes - 2, value).ptr;
  *end++ = '\r';
  *end++ = '\n';
  return static_cast<size_t>(end - out);
}

}  // namespace

size_t FormatDouble(double value, char* out) {
  if (std::isnan(value)) {
    std::memcpy(out, "nan", 3);
    return 3;
  }
  if (std::isinf(value)) {
    const std::string_view text = value > 0 ? "inf" : "-inf";
    std::memcpy(out, text.data(), text.size());
    return text.size();
  }
  return static_cast<size_t>(std::snprintf(out, 40, "%.17g", value));
}

void ReplyWriter::Header(char type, int64_t value) {
  out_->Commit(FormatHeader(type, value, out_->Reserve(kHeaderBytes)));
}

void ReplyWriter::Simple(std::string_view text) {
  out_->Append('+');
  out_->Append(text);
  out_->Append("\r\n");
}

void ReplyWriter::Error(std::string_view text) {
  ++errors_;
  const std::string_view code = text.substr(0, text.find(' ')).substr(0, kErrorCodeBytes);
  error_code_length_ = static_cast<uint8_t>(code.copy(error_code_, kErrorCodeBytes));
  ErrorLine(text);
}

void ReplyWriter::ErrorAgain(std::string_view text) {
  ++errors_again_;
  ErrorLine(text);
}

void ReplyWriter::ErrorLine(std::string_view text) {
  out_->Append('-');
  if (text.find_first_of("\r\n") == std::string_view::npos) {
    out_->Append(text);
  } else {
    std::string line(text);
    std::replace_if(
        line.begin(), line.end(), [](char c) { return c == '\r' || c == '\n'; }, ' ');
    out_->Append(line);
  }
  out_->Append("\r\n");
}

void ReplyWriter::Integer(int64_t value) {
  Header(':', value);
}

void ReplyWriter::Bulk(std::string_view bytes) {
  Header('$', static_cast<int64_t>(bytes.size()));
  out_->Append(bytes);
  out_->Append("\r\n");
}

void ReplyWriter::BulkInteger(int64_t value) {
  char digits[24];
  const char* end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
  Bulk(std::string_view(digits, static_cast<size_t>(end - digits)));
}

void ReplyWriter::Double(double value) {
  char text[40];
  const std::string_view digits(text, FormatDouble(value, text));
  if (version_ == Version::kResp2) return Bulk(digits);
  out_->Append(',');
  out_->Append(digits);
  out_->Append("\r\n");
}

void ReplyWriter::Boolean(bool value) {
  if (version_ == Version::kResp2) return Integer(value ? 1 : 0);
  out_->Append(value ? "#t\r\n" : "#f\r\n");
}

void ReplyWriter::Null() {
  out_->Append(version_ == Version::kResp2 ? "$-1\r\n" : "_\r\n");
}

void ReplyWriter::NullArray() {
  out_->Append(version_ == Version::kResp2 ? "*-1\r\n" : "_\r\n");
}

void ReplyWriter::BigNumber(std::string_view digits) {
  if (version_ == Version::kResp2) return Bulk(digits);
  out_->Append('(');
  out_->Append(digits);
  out_->Append("\r\n");
}

void ReplyWriter::Verbatim(std::string_view format, std::string_view text) {
  if (version_ == Version::kResp2) return Bulk(text);
  Header('=', static_cast<int64_t>(text.size() + format.size() + 1));
  out_->Append(format);
  out_->Append(':');
  out_->Append(text);
  out_->Append("\r\n");
}

void ReplyWriter::ArrayHeader(size_t elements) {
  Header('*', static_cast<int64_t>(elements));
}

void ReplyWriter::MapHeader(size_t pairs) {
  if (version_ == Version::kResp2) return Header('*', static_cast<int64_t>(pairs * 2));
  Header('%', static_cast<int64_t>(pairs));
}

void ReplyWriter::SetHeader(size_t elements) {
  Header(version_ == Version::kResp2 ? '*' : '~', static_cast<int64_t>(elements));
}

void ReplyWriter::PushHeader(size_t elements) {
  Header(version_ == Version::kResp2 ? '*' : '>', static_cast<int64_t>(elements));
}

void ReplyWriter::AttributeHeader(size_t pairs) {
  Header('|', static_cast<int64_t>(pairs));
}

void ReplyWriter::EndDeferredArray(OutputBuffer::Place place, size_t elements) {
  char header[kHeaderBytes];
  out_->FillPlace(place, {header, FormatHeader('*', static_cast<int64_t>(elements), header)});
}

void ReplyWriter::EndDeferredMap(OutputBuffer::Place place, size_t pairs) {
  const bool resp2 = version_ == Version::kResp2;
  char header[kHeaderBytes];
  const auto count = static_cast<int64_t>(resp2 ? pairs * 2 : pairs);
  out_->FillPlace(place, {header, FormatHeader(resp2 ? '*' : '%', count, header)});
}

void ReplyWriter::EndDeferredSet(OutputBuffer::Place place, size_t elements) {
  char header[kHeaderBytes];
  const char type = version_ == Version::kResp2 ? '*' : '~';
  out_->FillPlace(place, {header, FormatHeader(type, static_cast<int64_t>(elements), header)});
}

}  // namespace keyway::resp
