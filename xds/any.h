#pragma once
// Opens google.protobuf.Any: finds the message type among those that are compiled in, takes
// xds/udpa TypedStruct apart, and checks the content against Envoy's constraints (validate.h).
// Control thread only.

#include <google/protobuf/message.h>

#include <memory>
#include <string_view>

#include "xds/field_path.h"

namespace google::protobuf {
class Any;
}

namespace pillion::xds {

// The full name of the message that `any` holds (of a TypedStruct: that it stands for); empty if
// none.
std::string_view type_name(const google::protobuf::Any& any);
// True when a message of that name is compiled in.
bool known_type(std::string_view full_name);

// A message of whichever type it holds; null, with a problem reported at `at`, when it is absent,
// unknown or malformed.
std::unique_ptr<google::protobuf::Message> unpack(const google::protobuf::Any& any,
                                                  const FieldPath& at);
// Into a message of this very type. A problem and false when it holds another.
bool unpack_to(const google::protobuf::Any& any, const FieldPath& at,
               google::protobuf::Message& message);

// The message as its generated type, for parsers of the filter table, which looked it up by name.
template <class T>
const T& as(const google::protobuf::Message& message) {
  return *google::protobuf::DynamicCastToGenerated<const T>(&message);
}

}  // namespace pillion::xds
