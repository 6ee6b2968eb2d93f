#pragma once
// Nothing that is set is silently ignored: every translator lists the fields that it reads and
// those that cannot change behaviour here; any other field that is set is a problem. Control thread
// only.

#include <initializer_list>
#include <string_view>

#include "xds/field_path.h"

namespace google::protobuf {
class Message;
}

namespace pillion::xds {

using FieldNames = std::initializer_list<std::string_view>;

// Reports every set field of `message` that is in neither list. A BoolValue that is false counts as
// unset; where false is the unusual value, the field has to be read or refused by its translator.
//   supported: fields that the caller reads.
//   harmless:  fields that are taken and ignored, because nothing the user can observe depends on
//   them here.
// Returns true when there is nothing to report.
bool check_fields(const google::protobuf::Message& message, const FieldPath& at,
                  FieldNames supported, FieldNames harmless = {});

// The sentence for a field or value that this version does not support. `remedy` says what to do
// instead.
void not_supported(const FieldPath& at, std::string_view remedy = "remove it");

}  // namespace pillion::xds
