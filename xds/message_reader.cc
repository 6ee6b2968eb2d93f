#include "xds/message_reader.h"

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <bitset>
#include <unordered_set>
#include <vector>

#include "sidecar/base/text.h"

namespace pillion::xds {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// Levenshtein's distance, for names of a few dozen letters.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t changed = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, changed});
    }
  }
  return row[b.size()];
}

// The field whose name is nearest, if it is near enough to be what was meant.
std::string suggestion(const Descriptor& type, std::string_view name) {
  constexpr std::size_t kLongestName = 80;
  std::size_t best = std::min<std::size_t>(3, name.size() / 2 + 1);
  std::string_view found;
  for (int i = 0; name.size() <= kLongestName && i < type.field_count(); ++i) {
    const std::size_t d = distance(name, type.field(i)->name());
    if (d < best) {
      best = d;
      found = type.field(i)->name();
    }
  }
  return found.empty() ? std::string("remove it or correct its name")
                       : fmt::format("did you mean \"{}\"?", found);
}

void report_unknown(const Descriptor& type, std::string_view name, const FieldPath& at) {
  const std::string text =
      type.IsReservedName(std::string(name))
          ? fmt::format("was removed from {}; use what has replaced it in Envoy's v3 API",
                        type.full_name())
          : fmt::format("unknown field of {}; {}", type.full_name(), suggestion(type, name));
  if (at.context().unknown_fields_warn)
    at.warning(text);
  else
    at.problem(text);
}

const FieldDescriptor* find_field(const Descriptor& type, const std::string& name) {
  const FieldDescriptor* field = type.FindFieldByName(name);
  return field != nullptr ? field : type.FindFieldByCamelcaseName(name);
}

void read_value(const Node& node, Message& message, const FieldDescriptor& field,
                const FieldPath& at) {
  if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
    read_scalar(node, message, field, at);
    return;
  }
  const auto* reflection = message.GetReflection();
  read_message(node,
               field.is_repeated() ? *reflection->AddMessage(&message, &field)
                                   : *reflection->MutableMessage(&message, &field),
               at);
}

void read_list(const Node& node, Message& message, const FieldDescriptor& field,
               const FieldPath& at) {
  // Envoy takes a single value for a list of one.
  if (!node.is(Node::Kind::kArray)) {
    read_value(node, message, field, at);
    return;
  }
  for (std::size_t i = 0; i < node.items().size(); ++i) {
    const Node& item = node.items()[i];
    if (item.is(Node::Kind::kNull))
      at.index(i).problem("a list cannot hold null; remove it");
    else
      read_value(item, message, field, at.index(i));
  }
}

void read_map(const Node& node, Message& message, const FieldDescriptor& field,
              const FieldPath& at) {
  if (!node.is(Node::Kind::kObject)) {
    at.problem(fmt::format("expected an object, found {}", node.described()));
    return;
  }
  const FieldDescriptor& key_field = *field.message_type()->map_key();
  const FieldDescriptor& value_field = *field.message_type()->map_value();
  std::unordered_set<std::string_view> seen;
  for (const Member& member : node.members()) {
    const FieldPath entry_at = at.key(member.name);
    if (!seen.insert(member.name).second) {
      entry_at.problem("this key is given twice; keep one of the two");
      continue;
    }
    Message& entry = *message.GetReflection()->AddMessage(&message, &field);
    read_scalar(Node::scalar(Node::Kind::kString, member.name), entry, key_field, entry_at);
    if (!member.value.is(Node::Kind::kNull)) read_value(member.value, entry, value_field, entry_at);
  }
}

// Whether another member of the field's oneof was set before; reported if so.
bool oneof_taken(const Message& message, const FieldDescriptor& field, const FieldPath& at) {
  const auto* oneof = field.real_containing_oneof();
  if (oneof == nullptr) return false;
  const FieldDescriptor* other = message.GetReflection()->GetOneofFieldDescriptor(message, oneof);
  if (other == nullptr || other == &field) return false;
  at.problem(fmt::format("cannot be set beside {}; keep one of the two", other->name()));
  return true;
}

}  // namespace

void read_message(const Node& node, Message& message, const FieldPath& at) {
  if (node.is(Node::Kind::kNull) || read_well_known(node, message, at)) return;
  const Descriptor& type = *message.GetDescriptor();
  if (!node.is(Node::Kind::kObject)) {
    at.unreadable(
        fmt::format("expected an object ({}), found {}", type.full_name(), node.described()));
    return;
  }
  std::bitset<256> seen;
  for (const Member& member : node.members()) {
    const FieldPath field_at = at.field(member.name);
    const FieldDescriptor* field = find_field(type, std::string(member.name));
    if (field == nullptr) {
      report_unknown(type, member.name, field_at);
      continue;
    }
    const auto bit = static_cast<std::size_t>(field->index()) % seen.size();
    if (seen.test(bit)) {
      field_at.problem("is given twice; keep one of the two");
      continue;
    }
    seen.set(bit);
    if (member.value.is(Node::Kind::kNull) || oneof_taken(message, *field, field_at)) continue;
    if (field->is_map())
      read_map(member.value, message, *field, field_at);
    else if (field->is_repeated())
      read_list(member.value, message, *field, field_at);
    else
      read_value(member.value, message, *field, field_at);
  }
}

}  // namespace pillion::xds
