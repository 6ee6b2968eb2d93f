// The messages of protobuf with a JSON form of their own (message_reader.h).

#include <fmt/format.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/arena.h>
#include <google/protobuf/descriptor.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/time_util.h>
#include <google/protobuf/wrappers.pb.h>

#include <vector>

#include "sidecar/base/text.h"
#include "xds/any.h"
#include "xds/message_reader.h"

namespace pillion::xds {
namespace {

using google::protobuf::Any;
using google::protobuf::Descriptor;
using google::protobuf::Message;

// Protobuf's limit: ten thousand years.
constexpr int64_t kMaxDurationSeconds = 315'576'000'000;

// "-1.5s": digits, up to nine more after a point, and the unit, which is always seconds.
bool parse_duration(std::string_view text, google::protobuf::Duration& duration) {
  const bool negative = !text.empty() && text[0] == '-';
  if (negative) text.remove_prefix(1);
  if (text.empty() || text.back() != 's') return false;
  text.remove_suffix(1);
  const auto point = text.find('.');
  const auto seconds = parse_number<uint64_t>(text.substr(0, point));
  uint32_t nanos = 0;
  if (point != std::string_view::npos) {
    std::string fraction(text.substr(point + 1));
    if (fraction.empty() || fraction.size() > 9) return false;
    fraction.resize(9, '0');
    const auto parsed = parse_number<uint32_t>(fraction);
    if (!parsed) return false;
    nanos = *parsed;
  }
  if (!seconds || *seconds > kMaxDurationSeconds) return false;
  const int sign = negative ? -1 : 1;
  duration.set_seconds(sign * static_cast<int64_t>(*seconds));
  duration.set_nanos(sign * static_cast<int32_t>(nanos));
  return true;
}

void read_duration(const Node& node, Message& message, const FieldPath& at) {
  auto& duration = static_cast<google::protobuf::Duration&>(message);
  if (node.is(Node::Kind::kString) && parse_duration(node.text(), duration)) return;
  at.problem(
      fmt::format("expected a duration in seconds such as \"0.25s\", found {}", node.described()));
}

void read_timestamp(const Node& node, Message& message, const FieldPath& at) {
  auto& timestamp = static_cast<google::protobuf::Timestamp&>(message);
  if (node.is(Node::Kind::kString) &&
      google::protobuf::util::TimeUtil::FromString(std::string(node.text()), &timestamp))
    return;
  at.problem(
      fmt::format("expected a time such as \"2026-01-31T12:00:00Z\", found {}", node.described()));
}

void fill_value(const Node& node, google::protobuf::Value& value);

void fill_struct(const Node& node, google::protobuf::Struct& object) {
  for (const Member& member : node.members())
    fill_value(member.value, (*object.mutable_fields())[std::string(member.name)]);
}

void fill_value(const Node& node, google::protobuf::Value& value) {
  switch (node.kind()) {
    case Node::Kind::kNull:
      value.set_null_value(google::protobuf::NULL_VALUE);
      break;
    case Node::Kind::kBool:
      value.set_bool_value(node.text() == "true");
      break;
    case Node::Kind::kNumber:
      value.set_number_value(parse_number<double>(node.text()).value_or(0));
      break;
    case Node::Kind::kString:
      value.set_string_value(std::string(node.text()));
      break;
    case Node::Kind::kArray:
      value.mutable_list_value();
      for (const Node& item : node.items())
        fill_value(item, *value.mutable_list_value()->add_values());
      break;
    case Node::Kind::kObject:
      fill_struct(node, *value.mutable_struct_value());
      break;
  }
}

void read_struct(const Node& node, Message& message, const FieldPath& at) {
  if (node.is(Node::Kind::kObject))
    fill_struct(node, static_cast<google::protobuf::Struct&>(message));
  else
    at.problem(fmt::format("expected an object, found {}", node.described()));
}

void read_any_value(const Node& node, Message& message, const FieldPath&) {
  fill_value(node, static_cast<google::protobuf::Value&>(message));
}

void read_list_value(const Node& node, Message& message, const FieldPath& at) {
  if (!node.is(Node::Kind::kArray)) {
    at.problem(fmt::format("expected a list, found {}", node.described()));
    return;
  }
  auto& list = static_cast<google::protobuf::ListValue&>(message);
  for (const Node& item : node.items()) fill_value(item, *list.add_values());
}

void read_wrapper(const Node& node, Message& message, const FieldPath& at) {
  read_scalar(node, message, *message.GetDescriptor()->field(0), at);
}

bool has_own_form(const Descriptor& type);

// The object's members without "@type", or its "value" when the type has a JSON form of its own.
void read_content(const Node& node, Message& content, const FieldPath& at) {
  if (has_own_form(*content.GetDescriptor())) {
    if (const Node* value = node.find("value")) read_message(*value, content, at.field("value"));
    return;
  }
  std::vector<Member> members;
  members.reserve(node.members().size());
  for (const Member& member : node.members())
    if (member.name != "@type") members.push_back(member);
  read_message(Node::object(members), content, at);
}

// xds.type.v3.TypedStruct and its older twin hold a message as free-form JSON, with the URL of its
// type beside.
bool is_typed_struct(std::string_view url) {
  return url.ends_with("/xds.type.v3.TypedStruct") || url.ends_with("/udpa.type.v1.TypedStruct");
}

void fill_any(const Node& node, std::string_view url, Any& any, const FieldPath& at) {
  any.set_type_url(std::string(url));
  // An unknown type is a problem only for who opens it: an optional filter may have one.
  const auto& pool = *google::protobuf::DescriptorPool::generated_pool();
  const Descriptor* type = pool.FindMessageTypeByName(std::string(type_name(any)));
  if (type == nullptr) return;
  const Message* prototype =
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
  if (prototype == nullptr) return;
  google::protobuf::Arena arena;
  Message& content = *prototype->New(&arena);
  read_content(node, content, at);
  content.SerializeToString(any.mutable_value());
}

void read_any(const Node& node, Message& message, const FieldPath& at) {
  auto& any = static_cast<Any&>(message);
  if (!node.is(Node::Kind::kObject)) {
    at.problem(fmt::format("expected an object with \"@type\", found {}", node.described()));
    return;
  }
  const Node* url = node.find("@type");
  const bool typed_struct = url != nullptr && is_typed_struct(url->text());
  if (typed_struct) url = node.find("type_url");
  if (url == nullptr || !url->is(Node::Kind::kString)) {
    if (!node.members().empty())
      at.problem(
          fmt::format("needs \"{}\" with the name of its message, such as "
                      "\"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router\"",
                      typed_struct ? "type_url" : "@type"));
    return;
  }
  const Node* value = typed_struct ? node.find("value") : &node;
  if (typed_struct)
    fill_any(value == nullptr ? Node() : *value, url->text(), any, at.field("value"));
  else
    fill_any(node, url->text(), any, at);
}

using Reader = void (*)(const Node&, Message&, const FieldPath&);

Reader reader_of(const Descriptor& type) {
  switch (type.well_known_type()) {
    case Descriptor::WELLKNOWNTYPE_ANY:
      return read_any;
    case Descriptor::WELLKNOWNTYPE_DURATION:
      return read_duration;
    case Descriptor::WELLKNOWNTYPE_TIMESTAMP:
      return read_timestamp;
    case Descriptor::WELLKNOWNTYPE_STRUCT:
      return read_struct;
    case Descriptor::WELLKNOWNTYPE_VALUE:
      return read_any_value;
    case Descriptor::WELLKNOWNTYPE_LISTVALUE:
      return read_list_value;
    case Descriptor::WELLKNOWNTYPE_DOUBLEVALUE:
    case Descriptor::WELLKNOWNTYPE_FLOATVALUE:
    case Descriptor::WELLKNOWNTYPE_INT64VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT64VALUE:
    case Descriptor::WELLKNOWNTYPE_INT32VALUE:
    case Descriptor::WELLKNOWNTYPE_UINT32VALUE:
    case Descriptor::WELLKNOWNTYPE_STRINGVALUE:
    case Descriptor::WELLKNOWNTYPE_BYTESVALUE:
    case Descriptor::WELLKNOWNTYPE_BOOLVALUE:
      return read_wrapper;
    default:
      return nullptr;
  }
}

bool has_own_form(const Descriptor& type) {
  return reader_of(type) != nullptr;
}

}  // namespace

bool read_well_known(const Node& node, Message& message, const FieldPath& at) {
  const Reader reader = reader_of(*message.GetDescriptor());
  if (reader == nullptr) return false;
  // Envoy also takes {seconds: 5} for a duration and {value: 5} for a wrapper.
  const bool has_fields =
      reader == read_duration || reader == read_timestamp || reader == read_wrapper;
  if (has_fields && node.is(Node::Kind::kObject)) return false;
  reader(node, message, at);
  return true;
}

}  // namespace pillion::xds
