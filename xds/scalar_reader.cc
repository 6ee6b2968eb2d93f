// Scalars of protobuf's JSON mapping (message_reader.h).

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <cmath>
#include <limits>
#include <optional>

#include "sidecar/base/text.h"
#include "xds/message_reader.h"

namespace pillion::xds {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool is_text_or(Node::Kind kind, const Node& node) {
  return node.is(kind) || node.is(Node::Kind::kString);
}

// A whole number, also written "5" or 5.0 or 5e3.
template <class T>
std::optional<T> integer_of(const Node& node) {
  if (!is_text_or(Node::Kind::kNumber, node)) return {};
  if (auto exact = parse_number<T>(node.text())) return exact;
  const auto real = parse_number<double>(node.text());
  // The comparison with the limits is made in double; the upper one rounds up to a power of two.
  if (!real || *real != std::floor(*real) ||
      *real < static_cast<double>(std::numeric_limits<T>::min()) ||
      *real >= std::ldexp(1.0, std::numeric_limits<T>::digits))
    return {};
  return static_cast<T>(*real);
}

template <class T>
std::optional<T> real_of(const Node& node) {
  if (!is_text_or(Node::Kind::kNumber, node)) return {};
  if (node.text() == "NaN") return std::numeric_limits<T>::quiet_NaN();
  if (node.text() == "Infinity") return std::numeric_limits<T>::infinity();
  if (node.text() == "-Infinity") return -std::numeric_limits<T>::infinity();
  auto real = parse_number<double>(node.text());
  if (!real || !std::isfinite(*real)) return {};
  if (std::abs(*real) > static_cast<double>(std::numeric_limits<T>::max())) return {};
  return static_cast<T>(*real);
}

// Envoy reads a string as a truth value with a parser that knows more words than JSON or YAML do.
std::optional<bool> bool_of(const Node& node) {
  if (!is_text_or(Node::Kind::kBool, node)) return {};
  for (std::string_view word : {"true", "t", "yes", "y", "1"})
    if (equals_ignore_case(node.text(), word)) return true;
  for (std::string_view word : {"false", "f", "no", "n", "0"})
    if (equals_ignore_case(node.text(), word)) return false;
  return {};
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (is_digit(c)) return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  return c == '/' || c == '_' ? 63 : -1;
}

// RFC 4648, both alphabets, padding optional.
std::optional<std::string> bytes_of(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return {};
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const int value = base64_value(c);
    if (value < 0) return {};
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  return out;
}

// Envoy takes the names of enumerators in any case.
std::optional<int> number_of(const google::protobuf::EnumDescriptor& type, std::string_view name) {
  if (const auto* value = type.FindValueByName(std::string(name))) return value->number();
  for (int i = 0; i < type.value_count(); ++i)
    if (equals_ignore_case(type.value(i)->name(), name)) return type.value(i)->number();
  return {};
}

std::string names_of(const google::protobuf::EnumDescriptor& type) {
  constexpr int kMost = 12;
  std::string names;
  for (int i = 0; i < type.value_count() && i < kMost; ++i) {
    if (i > 0) names += ", ";
    names += type.value(i)->name();
  }
  return type.value_count() > kMost ? names + ", ..." : names;
}

class ScalarReader {
  using Reflection = google::protobuf::Reflection;

 public:
  ScalarReader(const Node& node, Message& message, const FieldDescriptor& field,
               const FieldPath& at)
      : node_(node),
        message_(message),
        reflection_(*message.GetReflection()),
        field_(field),
        at_(at) {}

  void run() {
    switch (field_.cpp_type()) {
      case FieldDescriptor::CPPTYPE_INT32:
        put(integer_of<int32_t>(node_), &Reflection::SetInt32, &Reflection::AddInt32,
            "a whole number from -2147483648 to 2147483647");
        break;
      case FieldDescriptor::CPPTYPE_INT64:
        put(integer_of<int64_t>(node_), &Reflection::SetInt64, &Reflection::AddInt64,
            "a whole number of 64 bits");
        break;
      case FieldDescriptor::CPPTYPE_UINT32:
        put(integer_of<uint32_t>(node_), &Reflection::SetUInt32, &Reflection::AddUInt32,
            "a whole number from 0 to 4294967295");
        break;
      case FieldDescriptor::CPPTYPE_UINT64:
        put(integer_of<uint64_t>(node_), &Reflection::SetUInt64, &Reflection::AddUInt64,
            "a whole number of 64 bits, not negative");
        break;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        put(real_of<double>(node_), &Reflection::SetDouble, &Reflection::AddDouble, "a number");
        break;
      case FieldDescriptor::CPPTYPE_FLOAT:
        put(real_of<float>(node_), &Reflection::SetFloat, &Reflection::AddFloat, "a number");
        break;
      case FieldDescriptor::CPPTYPE_BOOL:
        put(bool_of(node_), &Reflection::SetBool, &Reflection::AddBool, "true or false");
        break;
      case FieldDescriptor::CPPTYPE_ENUM:
        enumerator();
        break;
      case FieldDescriptor::CPPTYPE_STRING:
        text();
        break;
      case FieldDescriptor::CPPTYPE_MESSAGE:
        break;
    }
  }

 private:
  void expected(std::string_view what) {
    at_.problem(fmt::format("expected {}, found {}", what, node_.described()));
  }

  template <class T>
  void put(std::optional<T> value,
           void (Reflection::*set)(Message*, const FieldDescriptor*, T) const,
           void (Reflection::*add)(Message*, const FieldDescriptor*, T) const,
           std::string_view what) {
    if (!value)
      expected(what);
    else if (field_.is_repeated())
      (reflection_.*add)(&message_, &field_, *value);
    else
      (reflection_.*set)(&message_, &field_, *value);
  }

  void enumerator() {
    const auto& type = *field_.enum_type();
    std::optional<int> number;
    if (node_.is(Node::Kind::kNumber)) number = integer_of<int32_t>(node_);
    if (node_.is(Node::Kind::kString)) number = number_of(type, node_.text());
    // Numbers without a name stay out: what they would mean to a newer Envoy is not known here.
    if (!number || type.FindValueByNumber(*number) == nullptr) {
      expected("one of " + names_of(type));
    } else if (field_.is_repeated()) {
      reflection_.AddEnumValue(&message_, &field_, *number);
    } else {
      reflection_.SetEnumValue(&message_, &field_, *number);
    }
  }

  void text() {
    if (!node_.is(Node::Kind::kString)) {
      const bool scalar = node_.is(Node::Kind::kNumber) || node_.is(Node::Kind::kBool);
      expected(scalar ? "a string (put it in quotes)" : "a string");
      return;
    }
    std::string value(node_.text());
    if (field_.type() == FieldDescriptor::TYPE_BYTES) {
      auto bytes = bytes_of(node_.text());
      if (!bytes) {
        expected("bytes in base64");
        return;
      }
      value = *std::move(bytes);
    }
    if (field_.is_repeated())
      reflection_.AddString(&message_, &field_, std::move(value));
    else
      reflection_.SetString(&message_, &field_, std::move(value));
  }

  const Node& node_;
  Message& message_;
  const Reflection& reflection_;
  const FieldDescriptor& field_;
  const FieldPath& at_;
};

}  // namespace

void read_scalar(const Node& node, Message& message, const FieldDescriptor& field,
                 const FieldPath& at) {
  ScalarReader(node, message, field, at).run();
}

}  // namespace pillion::xds
