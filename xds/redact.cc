// Takes secrets out of messages that people may see (translate_tls.h).

#include <google/protobuf/any.pb.h>
#include <udpa/annotations/sensitive.pb.h>

#include <vector>

#include "xds/any.h"
#include "xds/translate_tls.h"

namespace pillion::xds {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr const char* kRedacted = "[redacted]";

void redact(Message& message, bool all);

// What is inside of an Any is opened, changed and closed again.
void redact_any(google::protobuf::Any& any, bool all) {
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      std::string(type_name(any)));
  if (type == nullptr) {
    if (all) any.clear_value();
    return;
  }
  std::unique_ptr<Message> content(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!content->ParsePartialFromString(any.value())) return;
  redact(*content, all);
  content->SerializePartialToString(any.mutable_value());
}

void redact_text(Message& message, const Reflection& reflection, const FieldDescriptor& field) {
  if (!field.is_repeated()) {
    reflection.SetString(&message, &field, kRedacted);
    return;
  }
  for (int i = 0; i < reflection.FieldSize(message, &field); ++i)
    reflection.SetRepeatedString(&message, &field, i, kRedacted);
}

// `all`: the message is the value of a sensitive field.
void redact(Message& message, bool all) {
  if (message.GetDescriptor() == google::protobuf::Any::descriptor()) {
    redact_any(static_cast<google::protobuf::Any&>(message), all);
    return;
  }
  const Reflection& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const bool secret = all || field->options().GetExtension(udpa::annotations::sensitive);
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      if (secret) redact_text(message, reflection, *field);
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!field->is_repeated()) {
        redact(*reflection.MutableMessage(&message, field), secret);
        continue;
      }
      for (int i = 0; i < reflection.FieldSize(message, field); ++i)
        redact(*reflection.MutableRepeatedMessage(&message, field, i), secret);
    } else if (secret) {
      reflection.ClearField(&message, field);
    }
  }
}

}  // namespace

void redact(Message& message) {
  redact(message, false);
}

}  // namespace pillion::xds
