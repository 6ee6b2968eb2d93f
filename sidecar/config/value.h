#pragma once
// A JSON-like value (google.protobuf.Struct) as plain data: metadata of routes, clusters and
// endpoints, and JSON access-log formats. Immutable once translated.

#include <map>
#include <string>
#include <variant>
#include <vector>

namespace pillion::config {

struct Value {
  using Array = std::vector<Value>;
  using Object = std::map<std::string, Value, std::less<>>;
  std::variant<std::monostate, bool, double, std::string, Array, Object> data;

  friend bool operator==(const Value& a, const Value& b) { return a.data == b.data; }
};

// envoy.config.core.v3.Metadata: filter_metadata, by namespace.
using Metadata = Value::Object;

}  // namespace pillion::config
