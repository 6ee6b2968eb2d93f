#include "xds/check_fields.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <string>
#include <vector>

namespace pillion::xds {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

bool listed(FieldNames names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// An explicit false of a BoolValue asks for what happens anyway.
bool is_explicit_false(const Message& message, const FieldDescriptor& field) {
  if (field.is_repeated() || field.message_type() != google::protobuf::BoolValue::descriptor())
    return false;
  const Message& value = message.GetReflection()->GetMessage(message, &field);
  return !static_cast<const google::protobuf::BoolValue&>(value).value();
}

}  // namespace

bool check_fields(const Message& message, const FieldPath& at, FieldNames supported,
                  FieldNames harmless) {
  std::vector<const FieldDescriptor*> set;
  message.GetReflection()->ListFields(message, &set);
  bool clean = true;
  for (const FieldDescriptor* field : set) {
    if (listed(supported, field->name()) || listed(harmless, field->name()) ||
        is_explicit_false(message, *field))
      continue;
    not_supported(at.field(field->name()));
    clean = false;
  }
  return clean;
}

void not_supported(const FieldPath& at, std::string_view remedy) {
  at.problem("is not supported by this version; " + std::string(remedy));
}

}  // namespace pillion::xds
