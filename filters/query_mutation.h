#pragma once
// Changes to the query of a request's path (envoy.config.core.v3.KeyValueMutation). Parameters that
// no mutation names keep their place and spelling. Immutable, shared by all workers.

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/format/formatter.h"

namespace envoy::config::core::v3 {
class KeyValueAppend;
class KeyValueMutation;
}  // namespace envoy::config::core::v3
namespace pillion::xds {
class FieldPath;
}

namespace pillion::filters {

// The first parameter of that name, percent-decoded; nothing if there is none.
std::optional<std::string> query_value(const http::RequestHead& head, std::string_view name);

class QueryMutations {
 public:
  QueryMutations(
      const google::protobuf::RepeatedPtrField<envoy::config::core::v3::KeyValueMutation>& messages,
      const xds::FieldPath& at);
  // Rewrites head.path, in its arena.
  void apply(http::RequestHead& head, const format::Context& context) const;

 private:
  enum class Action : uint8_t { kRemove, kAppend, kAddIfAbsent, kOverwriteOrAdd, kOverwrite };
  struct Mutation {
    Action action;
    std::string key;
    std::vector<format::Formatter> value;  // one, but none for kRemove
  };
  void read_append(const envoy::config::core::v3::KeyValueAppend& message,
                   const xds::FieldPath& at);
  static void mutate(const Mutation& mutation, std::vector<std::string>& parameters,
                     const format::Context& context);
  std::vector<Mutation> mutations_;
};

}  // namespace pillion::filters
