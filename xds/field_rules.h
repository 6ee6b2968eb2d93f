#pragma once
// The rules for one value (validate.FieldRules): what a number, text or duration has to be like.
// Internal to validate.cc. Control thread only.

#include <optional>
#include <string>

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf
namespace validate {
class FieldRules;
}

namespace pillion::xds {

// What is wrong with a field of scalar type, with a wrapper or a duration, or nothing. `index` is
// the element of a repeated field, or negative.
std::optional<std::string> breach(const validate::FieldRules& rules,
                                  const google::protobuf::Message& message,
                                  const google::protobuf::FieldDescriptor& field, int index);

}  // namespace pillion::xds
