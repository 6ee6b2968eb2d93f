#pragma once
// Runtime values of the bootstrap's layered_runtime: keys with dots to their values as text, later
// layers over earlier ones. They cannot change while the process runs (layers are static), so every
// runtime-keyed field is resolved with them when it is translated. Control thread only.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/matcher.h"

namespace google::protobuf {
class Struct;
}

namespace pillion::xds {

class Runtime {
 public:
  // Nested objects become dotted keys, as in Envoy's RTDS and static layers. An object that holds
  // `numerator` or `denominator` and nothing else is a FractionalPercent.
  // Returns the keys whose values are of no use: null and lists.
  std::vector<std::string> add_layer(const google::protobuf::Struct& layer);

  [[nodiscard]] std::optional<std::string_view> text(std::string_view key) const;
  // A value that is not of the wanted kind is ignored, as Envoy does.
  [[nodiscard]] std::optional<uint64_t> number(std::string_view key) const;
  [[nodiscard]] std::optional<double> real(std::string_view key) const;
  [[nodiscard]] std::optional<bool> flag(std::string_view key) const;
  // A plain number N means N of 100.
  [[nodiscard]] std::optional<config::Fraction> fraction(std::string_view key) const;

  using Values = std::map<std::string, std::string, std::less<>>;
  [[nodiscard]] const Values& values() const { return values_; }

 private:
  void add(const std::string& prefix, const google::protobuf::Struct& object,
           std::vector<std::string>& refused);
  Values values_;
  std::map<std::string, config::Fraction, std::less<>> fractions_;
};

}  // namespace pillion::xds
