#pragma once
// Checks a message against the constraints that Envoy's own API files carry (validate.rules
// options): required fields, lengths, ranges, patterns. Every breach is reported with its path. The
// rules of a type are compiled at its first use. Control thread only.

#include "xds/field_path.h"

namespace google::protobuf {
class Message;
}

namespace pillion::xds {

// Visits sub-messages too, but not what is inside of an Any, which is checked when it is opened.
void validate(const google::protobuf::Message& message, const FieldPath& at);

}  // namespace pillion::xds
