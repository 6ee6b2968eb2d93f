#include "xds/validate.h"

#include <envoy/annotations/deprecation.pb.h>
#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <validate/validate.pb.h>

#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "xds/field_rules.h"

namespace pillion::xds {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::OneofDescriptor;
using validate::FieldRules;

struct FieldCheck {
  const FieldDescriptor* field;
  const FieldRules* rules;  // null: only visit the sub-messages
  bool visit;
  bool removed;  // deprecated so long that Envoy refuses it unless told otherwise
};

struct MessageChecks {
  std::vector<FieldCheck> fields;
  std::vector<const OneofDescriptor*> required_oneofs;
};

// Protobuf's own messages carry no rules.
bool is_visited(const FieldDescriptor& field) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) return false;
  const FieldDescriptor* value = field.is_map() ? field.message_type()->map_value() : &field;
  return value->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE &&
         value->message_type()->file()->package() != "google.protobuf";
}

std::unique_ptr<MessageChecks> compile(const Descriptor& type) {
  auto checks = std::make_unique<MessageChecks>();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const auto& options = field.options();
    FieldCheck check{&field, nullptr, is_visited(field),
                     options.GetExtension(envoy::annotations::disallowed_by_default)};
    if (options.HasExtension(validate::rules)) check.rules = &options.GetExtension(validate::rules);
    if (check.rules != nullptr || check.visit || check.removed) checks->fields.push_back(check);
  }
  for (int i = 0; i < type.oneof_decl_count(); ++i)
    if (type.oneof_decl(i)->options().GetExtension(validate::required))
      checks->required_oneofs.push_back(type.oneof_decl(i));
  return checks;
}

const MessageChecks& checks_of(const Descriptor& type) {
  static auto& cache = *new std::unordered_map<const Descriptor*, std::unique_ptr<MessageChecks>>();
  auto& checks = cache[&type];
  if (checks == nullptr) checks = compile(type);
  return *checks;
}

// As a text, for the test of uniqueness; false for types that no rule asks it of.
std::string element_text(const Message& message, const FieldDescriptor& field, int i) {
  const auto& reflection = *message.GetReflection();
  switch (field.cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      return reflection.GetRepeatedString(message, &field, i);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return fmt::format("{}", reflection.GetRepeatedDouble(message, &field, i));
    case FieldDescriptor::CPPTYPE_UINT32:
      return std::to_string(reflection.GetRepeatedUInt32(message, &field, i));
    case FieldDescriptor::CPPTYPE_ENUM:
      return std::to_string(reflection.GetRepeatedEnumValue(message, &field, i));
    default:
      return reflection.GetRepeatedMessage(message, &field, i).SerializeAsString();
  }
}

void check_size(uint64_t size, uint64_t least, uint64_t most, const FieldPath& at) {
  if (size < least)
    at.missing(size == 0 ? std::string("must not be empty")
                         : fmt::format("must have at least {} entries, has {}", least, size));
  else if (size > most)
    at.problem(fmt::format("must have at most {} entries, has {}", most, size));
}

void check_repeated(const FieldRules& field_rules, const Message& message,
                    const FieldDescriptor& field, const FieldPath& at) {
  const auto& rules = field_rules.repeated();
  const int size = message.GetReflection()->FieldSize(message, &field);
  check_size(static_cast<uint64_t>(size), rules.min_items(),
             rules.has_max_items() ? rules.max_items() : UINT64_MAX, at);
  std::unordered_set<std::string> seen;
  for (int i = 0; i < size; ++i) {
    const FieldPath item = at.index(static_cast<std::size_t>(i));
    if (rules.unique() && !seen.insert(element_text(message, field, i)).second)
      item.problem("is given twice; remove one of the two");
    if (!rules.has_items()) continue;
    if (auto found = breach(rules.items(), message, field, i)) item.problem(*std::move(found));
  }
}

void check_map(const FieldRules& field_rules, const Message& message, const FieldDescriptor& field,
               const FieldPath& at) {
  const auto& rules = field_rules.map();
  const auto& reflection = *message.GetReflection();
  const int size = reflection.FieldSize(message, &field);
  check_size(static_cast<uint64_t>(size), rules.min_pairs(),
             rules.has_max_pairs() ? rules.max_pairs() : UINT64_MAX, at);
  for (int i = 0; rules.has_keys() && i < size; ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, &field, i);
    if (auto found = breach(rules.keys(), entry, *field.message_type()->map_key(), -1))
      at.problem("a key of this map " + *found);
  }
}

bool is_required(const FieldRules& rules) {
  return rules.message().required() || rules.duration().required() || rules.any().required() ||
         rules.timestamp().required();
}

void check_field(const FieldRules& rules, const Message& message, const FieldDescriptor& field,
                 const FieldPath& at) {
  if (rules.message().skip()) return;
  if (field.is_map()) return check_map(rules, message, field, at);
  if (field.is_repeated()) return check_repeated(rules, message, field, at);
  const bool present = message.GetReflection()->HasField(message, &field);
  const bool in_oneof = field.real_containing_oneof() != nullptr;
  if (!present && field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    if (is_required(rules) && !in_oneof) at.missing("is required");
    return;
  }
  // Of a oneof's members only the one that is set is asked; other scalars also when they are unset,
  // since "must not be empty" is about those.
  if (!present && in_oneof) return;
  if (auto found = breach(rules, message, field, -1)) {
    if (present)
      at.problem(*std::move(found));
    else
      at.missing(*std::move(found));
  }
}

void visit(const Message& message, const FieldDescriptor& field, const FieldPath& at) {
  const auto& reflection = *message.GetReflection();
  if (!field.is_repeated()) {
    if (reflection.HasField(message, &field)) validate(reflection.GetMessage(message, &field), at);
    return;
  }
  const int size = reflection.FieldSize(message, &field);
  for (int i = 0; i < size; ++i) {
    const Message& item = reflection.GetRepeatedMessage(message, &field, i);
    if (field.is_map()) {
      std::string scratch;
      const FieldDescriptor& key = *field.message_type()->map_key();
      const std::string name = key.cpp_type() == FieldDescriptor::CPPTYPE_STRING
                                   ? item.GetReflection()->GetString(item, &key)
                                   : std::to_string(i);
      validate(item.GetReflection()->GetMessage(item, field.message_type()->map_value()),
               at.key(name));
    } else {
      validate(item, at.index(static_cast<std::size_t>(i)));
    }
  }
}

std::string names_of(const OneofDescriptor& oneof) {
  std::string names;
  for (int i = 0; i < oneof.field_count(); ++i)
    names += (i == 0 ? "" : ", ") + oneof.field(i)->name();
  return names;
}

}  // namespace

void validate(const Message& message, const FieldPath& at) {
  const MessageChecks& checks = checks_of(*message.GetDescriptor());
  const auto& reflection = *message.GetReflection();
  for (const FieldCheck& check : checks.fields) {
    const FieldPath field_at = at.field(check.field->name());
    if (check.removed && !check.field->is_repeated() && reflection.HasField(message, check.field))
      field_at.problem("is deprecated and refused by Envoy; use what its documentation names");
    if (check.rules != nullptr) check_field(*check.rules, message, *check.field, field_at);
    if (check.visit) visit(message, *check.field, field_at);
  }
  for (const OneofDescriptor* oneof : checks.required_oneofs)
    if (!reflection.HasOneof(message, oneof)) at.missing("needs one of " + names_of(*oneof));
}

}  // namespace pillion::xds
