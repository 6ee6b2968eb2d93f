#include "xds/field_rules.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/message.h>
#include <re2/re2.h>
#include <validate/validate.pb.h>

#include <algorithm>
#include <map>
#include <memory>

#include "sidecar/base/text.h"

namespace pillion::xds {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Duration;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using validate::FieldRules;
using Breach = std::optional<std::string>;

template <class List, class T>
bool holds(const List& list, const T& value) {
  return std::find(list.begin(), list.end(), value) != list.end();
}

template <class List>
std::string joined(const List& list) {
  return fmt::format("{}", fmt::join(list.begin(), list.end(), ", "));
}

template <class Rules, class T>
Breach number_breach(const Rules& rules, T value) {
  if (rules.ignore_empty() && value == T{}) return {};
  if (rules.has_const_() && value != rules.const_())
    return fmt::format("must be {}, is {}", rules.const_(), value);
  if (rules.has_gt() && !(value > rules.gt()))
    return fmt::format("must be more than {}, is {}", rules.gt(), value);
  if (rules.has_gte() && !(value >= rules.gte()))
    return fmt::format("must be at least {}, is {}", rules.gte(), value);
  if (rules.has_lt() && !(value < rules.lt()))
    return fmt::format("must be less than {}, is {}", rules.lt(), value);
  if (rules.has_lte() && !(value <= rules.lte()))
    return fmt::format("must be at most {}, is {}", rules.lte(), value);
  if (rules.in_size() > 0 && !holds(rules.in(), value))
    return fmt::format("must be one of {}, is {}", joined(rules.in()), value);
  if (holds(rules.not_in(), value)) return fmt::format("must not be {}", value);
  return {};
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

Breach length_breach(std::size_t length, uint64_t least, uint64_t most, std::string_view unit) {
  if (length < least)
    return length == 0 && least == 1 ? std::string("must not be empty")
                                     : fmt::format("must have at least {} {}", least, unit);
  if (length > most) return fmt::format("must have at most {} {}, has {}", most, unit, length);
  return {};
}

// The patterns of the API's files are few and used over and over.
bool matches_pattern(const std::string& text, const std::string& pattern) {
  static auto& compiled = *new std::map<std::string, std::unique_ptr<re2::RE2>>();
  auto& regex = compiled[pattern];
  if (regex == nullptr) regex = std::make_unique<re2::RE2>(pattern, re2::RE2::Quiet);
  return re2::RE2::PartialMatch(text, *regex);
}

constexpr std::string_view kTokenSigns = "!#$%&'*+-.^_|~`";

Breach header_breach(const validate::StringRules& rules, std::string_view text) {
  const bool strict = !rules.has_strict() || rules.strict();
  const bool is_name = rules.well_known_regex() == validate::HTTP_HEADER_NAME;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const auto code = static_cast<unsigned char>(c);
    const bool letter = (lower(c) >= 'a' && lower(c) <= 'z') || is_digit(c);
    bool bad = c == '\0' || c == '\r' || c == '\n';
    if (strict && is_name)
      bad = !letter && kTokenSigns.find(c) == std::string_view::npos && !(i == 0 && c == ':');
    else if (strict)
      bad = (code < 0x20 && c != '\t') || code == 0x7f;
    if (bad)
      return fmt::format("must be a valid HTTP header {}; byte {} is not allowed",
                         is_name ? "name" : "value", i + 1);
  }
  if (strict && is_name && text.empty()) return "must be a valid HTTP header name, is empty";
  return {};
}

Breach string_breach(const validate::StringRules& rules, const std::string& text) {
  if (rules.ignore_empty() && text.empty()) return {};
  if (rules.has_const_() && text != rules.const_()) return "must be \"" + rules.const_() + "\"";
  const uint64_t most = rules.has_max_len() ? rules.max_len() : UINT64_MAX;
  const uint64_t most_bytes = rules.has_max_bytes() ? rules.max_bytes() : UINT64_MAX;
  if (auto found = length_breach(code_points(text), rules.min_len(), most, "characters"))
    return found;
  if (auto found = length_breach(text.size(), rules.min_bytes(), most_bytes, "bytes")) return found;
  if (rules.has_prefix() && text.rfind(rules.prefix(), 0) != 0)
    return "must begin with \"" + rules.prefix() + "\"";
  if (rules.has_suffix() && !text.ends_with(rules.suffix()))
    return "must end with \"" + rules.suffix() + "\"";
  if (rules.has_contains() && text.find(rules.contains()) == std::string::npos)
    return "must contain \"" + rules.contains() + "\"";
  if (rules.has_not_contains() && text.find(rules.not_contains()) != std::string::npos)
    return "must not contain \"" + rules.not_contains() + "\"";
  if (rules.in_size() > 0 && !holds(rules.in(), text))
    return fmt::format("must be one of {}; is \"{}\"", joined(rules.in()), text);
  if (holds(rules.not_in(), text)) return "must not be \"" + text + "\"";
  if (rules.has_pattern() && !matches_pattern(text, rules.pattern()))
    return fmt::format("must match {}; is \"{}\"", rules.pattern(), text);
  if (rules.well_known_regex() != validate::UNKNOWN) return header_breach(rules, text);
  return {};
}

Breach bytes_breach(const validate::BytesRules& rules, const std::string& bytes) {
  const uint64_t most = rules.has_max_len() ? rules.max_len() : UINT64_MAX;
  return length_breach(bytes.size(), rules.min_len(), most, "bytes");
}

Breach enum_breach(const validate::EnumRules& rules, const FieldDescriptor& field, int value) {
  const auto* named = field.enum_type()->FindValueByNumber(value);
  const std::string name = named == nullptr ? std::to_string(value) : named->name();
  if (rules.has_const_() && value != rules.const_()) return "must not be " + name;
  if (rules.defined_only() && named == nullptr) return "has the unknown value " + name;
  if ((rules.in_size() > 0 && !holds(rules.in(), value)) || holds(rules.not_in(), value))
    return "must not be " + name;
  return {};
}

std::string seconds_text(const Duration& duration) {
  return fmt::format("{}s", static_cast<double>(duration.seconds()) + duration.nanos() / 1e9);
}

bool less(const Duration& a, const Duration& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}

Breach duration_breach(const validate::DurationRules& rules, const Duration& value) {
  if (rules.has_gt() && !less(rules.gt(), value))
    return "must be more than " + seconds_text(rules.gt());
  if (rules.has_gte() && less(value, rules.gte()))
    return "must be at least " + seconds_text(rules.gte());
  if (rules.has_lt() && !less(value, rules.lt()))
    return "must be less than " + seconds_text(rules.lt());
  if (rules.has_lte() && less(rules.lte(), value))
    return "must be at most " + seconds_text(rules.lte());
  return {};
}

Breach text_breach(const FieldRules& rules, const Message& message, const FieldDescriptor& field,
                   int index) {
  const auto& reflection = *message.GetReflection();
  std::string scratch;
  const std::string& text =
      index < 0 ? reflection.GetStringReference(message, &field, &scratch)
                : reflection.GetRepeatedStringReference(message, &field, index, &scratch);
  if (rules.has_string()) return string_breach(rules.string(), text);
  return rules.has_bytes() ? bytes_breach(rules.bytes(), text) : Breach();
}

// A wrapper's rules are those of its value.
Breach message_breach(const FieldRules& rules, const Message& message, const FieldDescriptor& field,
                      int index) {
  const auto& reflection = *message.GetReflection();
  const Message& inner = index < 0 ? reflection.GetMessage(message, &field)
                                   : reflection.GetRepeatedMessage(message, &field, index);
  if (rules.has_duration())
    return duration_breach(rules.duration(), static_cast<const Duration&>(inner));
  const auto kind = inner.GetDescriptor()->well_known_type();
  if (kind < Descriptor::WELLKNOWNTYPE_DOUBLEVALUE || kind > Descriptor::WELLKNOWNTYPE_BOOLVALUE)
    return {};
  return breach(rules, inner, *inner.GetDescriptor()->field(0), -1);
}

}  // namespace

Breach breach(const FieldRules& rules, const Message& message, const FieldDescriptor& field,
              int index) {
  const auto& reflection = *message.GetReflection();
  const bool one = index < 0;
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return number_breach(rules.int32(),
                           one ? reflection.GetInt32(message, &field)
                               : reflection.GetRepeatedInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_INT64:
      return number_breach(rules.int64(),
                           one ? reflection.GetInt64(message, &field)
                               : reflection.GetRepeatedInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT32:
      return number_breach(rules.uint32(),
                           one ? reflection.GetUInt32(message, &field)
                               : reflection.GetRepeatedUInt32(message, &field, index));
    case FieldDescriptor::CPPTYPE_UINT64:
      return number_breach(rules.uint64(),
                           one ? reflection.GetUInt64(message, &field)
                               : reflection.GetRepeatedUInt64(message, &field, index));
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return number_breach(rules.double_(),
                           one ? reflection.GetDouble(message, &field)
                               : reflection.GetRepeatedDouble(message, &field, index));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return number_breach(rules.float_(),
                           one ? reflection.GetFloat(message, &field)
                               : reflection.GetRepeatedFloat(message, &field, index));
    case FieldDescriptor::CPPTYPE_BOOL:
      if (one && rules.bool_().has_const_() &&
          reflection.GetBool(message, &field) != rules.bool_().const_())
        return fmt::format("must be {}", rules.bool_().const_());
      return {};
    case FieldDescriptor::CPPTYPE_ENUM:
      return enum_breach(rules.enum_(), field,
                         one ? reflection.GetEnumValue(message, &field)
                             : reflection.GetRepeatedEnumValue(message, &field, index));
    case FieldDescriptor::CPPTYPE_STRING:
      return text_breach(rules, message, field, index);
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return message_breach(rules, message, field, index);
  }
  return {};
}

}  // namespace pillion::xds
