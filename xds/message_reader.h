#pragma once
// Fills a protobuf message from a Document's node by protobuf's JSON mapping, and goes on after an
// error: every unknown field, wrong type and bad value is reported with its path. What could not be
// read stays unset. Both snake_case and lowerCamelCase names are taken. Control thread only.

#include "xds/document.h"
#include "xds/field_path.h"

namespace google::protobuf {
class FieldDescriptor;
class Message;
}  // namespace google::protobuf

namespace pillion::xds {

// A null node leaves the message as it is.
void read_message(const Node& node, google::protobuf::Message& message, const FieldPath& at);

// --- parts, each in a file of its own ---

// Sets (or, of a repeated field, adds) a scalar.
void read_scalar(const Node& node, google::protobuf::Message& message,
                 const google::protobuf::FieldDescriptor& field, const FieldPath& at);
// The messages with a JSON form of their own: Any, Duration, Struct, wrappers and their kin. False:
// not one.
bool read_well_known(const Node& node, google::protobuf::Message& message, const FieldPath& at);

}  // namespace pillion::xds
