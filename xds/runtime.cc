#include "xds/runtime.h"

#include <envoy/config/core/v3/base.pb.h>
#include <envoy/type/v3/percent.pb.h>
#include <fmt/format.h>
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/struct.pb.h>

#include <cmath>

#include "sidecar/base/text.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

using google::protobuf::Struct;
using google::protobuf::Value;

std::string number_text(double value) {
  if (std::floor(value) == value && std::abs(value) < 1e15)
    return std::to_string(static_cast<int64_t>(value));
  return fmt::format("{}", value);
}

uint32_t denominator_of(std::string_view name) {
  if (name == "TEN_THOUSAND") return 10'000;
  if (name == "MILLION") return 1'000'000;
  return 100;
}

// Envoy reads an object as a percentage once it has one of the two members.
bool is_fraction(const Struct& object) {
  return object.fields().contains("numerator") || object.fields().contains("denominator");
}

config::Fraction fraction_of(const Struct& object) {
  config::Fraction fraction;
  if (auto it = object.fields().find("numerator"); it != object.fields().end())
    fraction.numerator = static_cast<uint32_t>(it->second.number_value());
  if (auto it = object.fields().find("denominator"); it != object.fields().end())
    fraction.denominator = denominator_of(it->second.string_value());
  return fraction;
}

}  // namespace

std::vector<std::string> Runtime::add_layer(const Struct& layer) {
  std::vector<std::string> refused;
  add("", layer, refused);
  return refused;
}

void Runtime::add(const std::string& prefix, const Struct& object,
                  std::vector<std::string>& refused) {
  for (const auto& [name, value] : object.fields()) {
    const std::string key = prefix.empty() ? name : prefix + "." + name;
    switch (value.kind_case()) {
      case Value::kNumberValue:
        values_[key] = number_text(value.number_value());
        break;
      case Value::kStringValue:
        values_[key] = value.string_value();
        break;
      case Value::kBoolValue:
        values_[key] = value.bool_value() ? "true" : "false";
        break;
      case Value::kStructValue:
        if (is_fraction(value.struct_value())) {
          const config::Fraction fraction = fraction_of(value.struct_value());
          fractions_[key] = fraction;
          values_[key] = fmt::format("{}/{}", fraction.numerator, fraction.denominator);
        } else {
          add(key, value.struct_value(), refused);
        }
        break;
      default:
        refused.push_back(key);
    }
  }
}

std::optional<std::string_view> Runtime::text(std::string_view key) const {
  auto it = values_.find(key);
  if (it == values_.end()) return {};
  return it->second;
}

std::optional<uint64_t> Runtime::number(std::string_view key) const {
  auto value = text(key);
  return value ? parse_number<uint64_t>(*value) : std::nullopt;
}

std::optional<double> Runtime::real(std::string_view key) const {
  auto value = text(key);
  return value ? parse_number<double>(*value) : std::nullopt;
}

std::optional<bool> Runtime::flag(std::string_view key) const {
  auto value = text(key);
  if (!value) return {};
  if (equals_ignore_case(*value, "true")) return true;
  if (equals_ignore_case(*value, "false")) return false;
  return {};
}

std::optional<config::Fraction> Runtime::fraction(std::string_view key) const {
  if (auto it = fractions_.find(key); it != fractions_.end()) return it->second;
  auto percent = number(key);
  if (!percent) return {};
  return config::Fraction{static_cast<uint32_t>(*percent > 100 ? 100 : *percent), 100};
}

std::chrono::milliseconds millis(const google::protobuf::Duration& message, const FieldPath& at) {
  if (message.seconds() < 0 || message.nanos() < 0) {
    at.problem("is negative; give a duration of zero or more, such as \"1.5s\"");
    return std::chrono::milliseconds(0);
  }
  // The largest span that protobuf's Duration allows; beyond it the sum in nanoseconds overflows.
  constexpr int64_t kMaxSeconds = 315'576'000'000 / 1000;
  if (message.seconds() > kMaxSeconds) {
    at.problem("is longer than ten years; to switch the limit off give \"0s\"");
    return std::chrono::milliseconds(0);
  }
  return std::chrono::milliseconds(message.seconds() * 1000 + message.nanos() / 1'000'000);
}

config::Fraction fraction(const envoy::type::v3::FractionalPercent& message, const FieldPath& at) {
  config::Fraction fraction;
  fraction.numerator = message.numerator();
  switch (message.denominator()) {
    case envoy::type::v3::FractionalPercent::TEN_THOUSAND:
      fraction.denominator = 10'000;
      break;
    case envoy::type::v3::FractionalPercent::MILLION:
      fraction.denominator = 1'000'000;
      break;
    case envoy::type::v3::FractionalPercent::HUNDRED:
      break;
    default:
      at.field("denominator").problem("must be HUNDRED, TEN_THOUSAND or MILLION");
  }
  return fraction;
}

config::Fraction fraction(const envoy::config::core::v3::RuntimeFractionalPercent& message,
                          const FieldPath& at) {
  check_fields(message, at, {"default_value", "runtime_key"});
  if (auto value = at.runtime().fraction(message.runtime_key())) return *value;
  return fraction(message.default_value(), at.field("default_value"));
}

void override_tracing(config::Tracing& tracing, const FieldPath& at) {
  auto apply = [&at](config::Fraction& to, std::string_view key) {
    if (auto value = at.runtime().fraction(key)) to = *value;
  };
  apply(tracing.client, "tracing.client_enabled");
  apply(tracing.random, "tracing.random_sampling");
  apply(tracing.overall, "tracing.global_enabled");
}

bool feature_flag(const envoy::config::core::v3::RuntimeFeatureFlag& message, const FieldPath& at) {
  check_fields(message, at, {"default_value", "runtime_key"});
  return at.runtime().flag(message.runtime_key()).value_or(message.default_value().value());
}

uint32_t runtime_number(const envoy::config::core::v3::RuntimeUInt32& message,
                        const FieldPath& at) {
  check_fields(message, at, {"default_value", "runtime_key"});
  auto value = at.runtime().number(message.runtime_key());
  return value && *value <= UINT32_MAX ? static_cast<uint32_t>(*value) : message.default_value();
}

double runtime_real(const envoy::config::core::v3::RuntimeDouble& message, const FieldPath& at) {
  check_fields(message, at, {"default_value", "runtime_key"});
  return at.runtime().real(message.runtime_key()).value_or(message.default_value());
}

double runtime_percent(const envoy::config::core::v3::RuntimePercent& message,
                       const FieldPath& at) {
  check_fields(message, at, {"default_value", "runtime_key"});
  return at.runtime().real(message.runtime_key()).value_or(message.default_value().value());
}

}  // namespace pillion::xds
