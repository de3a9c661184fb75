#include "common/config/section.h"

namespace keyway::config {

namespace {

std::string RangeText(Range range) {
  std::string high =
      range.high == std::numeric_limits<int64_t>::max() ? "" : std::to_string(range.high);
  return std::to_string(range.low) + ".." + high;
}

}  // namespace

void Section::Custom(Names names, Kind kind, std::unique_ptr<Value> value, std::string_view takes,
                     uint32_t flags, std::string_view help) {
  Directive directive;
  directive.name = names.name;
  directive.alias = names.alias;
  directive.group = group_;
  directive.help = help;
  directive.takes = takes;
  directive.initial = value->Get();
  directive.kind = kind;
  directive.flags = flags;
  directive.value = std::move(value);
  registry_.Add(std::move(directive));
}

void Section::Bool(Names names, bool& variable, uint32_t flags, std::string_view help) {
  Custom(names, Kind::kBool, MakeBool(variable), "yes|no", flags, help);
}

void Section::Integer(Names names, int64_t& variable, Range range, uint32_t flags,
                      std::string_view help) {
  Custom(names, Kind::kInteger, MakeInteger(variable, range), RangeText(range), flags, help);
}

void Section::Int32(Names names, int64_t& variable, int64_t low, uint32_t flags,
                    std::string_view help) {
  Integer(names, variable, {low, std::numeric_limits<int32_t>::max()}, flags, help);
}

void Section::Octal(Names names, int64_t& variable, Range range, uint32_t flags,
                    std::string_view help) {
  Custom(names, Kind::kOctal, MakeOctal(variable, range), "octal", flags, help);
}

void Section::Memory(Names names, int64_t& variable, Range range, uint32_t flags,
                     std::string_view help) {
  Custom(names, Kind::kMemory, MakeMemory(variable, range), "bytes", flags, help);
}

void Section::Memory(Names names, uint64_t& variable, uint32_t flags, std::string_view help) {
  Custom(names, Kind::kMemory, MakeMemory(variable), "bytes", flags, help);
}

void Section::Text(Names names, std::string& variable, uint32_t flags, std::string_view help,
                   TextCheck check) {
  Custom(names, Kind::kString, MakeText(variable, std::move(check)), "text", flags, help);
}

void Section::Bits(Names names, uint32_t& variable, std::vector<EnumWord> words, uint32_t flags,
                   std::string_view help, std::function<Status(uint64_t)> check) {
  AddEnum(
      names, std::move(words), /*combine=*/true, flags | kMultiWord, help,
      [&variable] { return uint64_t{variable}; },
      [&variable](uint64_t value) { variable = static_cast<uint32_t>(value); }, std::move(check));
}

void Section::AddEnum(Names names, std::vector<EnumWord> words, bool combine, uint32_t flags,
                      std::string_view help, std::function<uint64_t()> get,
                      std::function<void(uint64_t)> set, std::function<Status(uint64_t)> check) {
  std::string takes;
  for (const EnumWord& word : words) {
    if (!takes.empty()) takes += '|';
    takes += word.word;
  }
  Custom(names, Kind::kEnum,
         MakeEnum(std::move(words), combine, std::move(get), std::move(set), std::move(check)),
         takes, flags, help);
}

}  // namespace keyway::config
