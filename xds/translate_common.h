#pragma once
// Translators of the small messages that many others are made of. Each takes a message and its
// place, reports every problem there and returns plain data (a default when there was a problem, so
// that the caller goes on and finds further ones). Used by the other translate_*.cc and by the
// parsers of filters/. Control thread only.

#include <google/protobuf/repeated_ptr_field.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/address.h"
#include "sidecar/config/access_log.h"
#include "sidecar/config/headers.h"
#include "sidecar/config/matcher.h"
#include "sidecar/config/tracing.h"
#include "sidecar/config/value.h"
#include "xds/check_fields.h"
#include "xds/field_path.h"

namespace google::protobuf {
class Duration;
class Struct;
class Value;
}  // namespace google::protobuf
namespace envoy::config::core::v3 {
class Address;
class CidrRange;
class DataSource;
class HeaderValueOption;
class Metadata;
class RuntimeDouble;
class RuntimeFeatureFlag;
class RuntimeFractionalPercent;
class RuntimePercent;
class RuntimeUInt32;
class SocketAddress;
class SubstitutionFormatString;
}  // namespace envoy::config::core::v3
namespace envoy::config::route::v3 {
class HeaderMatcher;
class QueryParameterMatcher;
}  // namespace envoy::config::route::v3
namespace envoy::type::matcher::v3 {
class RegexMatchAndSubstitute;
class RegexMatcher;
class StringMatcher;
}  // namespace envoy::type::matcher::v3
namespace envoy::type::v3 {
class FractionalPercent;
}

namespace pillion::config {
struct RegexRewrite;
}

namespace pillion::xds {

// --- matchers
// -------------------------------------------------------------------------------------------
// Patterns are compiled once to find what RE2 refuses, and kept as text.
std::string regex(const envoy::type::matcher::v3::RegexMatcher& message, const FieldPath& at);
config::RegexRewrite regex_rewrite(const envoy::type::matcher::v3::RegexMatchAndSubstitute& message,
                                   const FieldPath& at);
config::StringMatcher string_matcher(const envoy::type::matcher::v3::StringMatcher& message,
                                     const FieldPath& at);
// Takes the deprecated exact_match, prefix_match and the like too, as Envoy does.
config::HeaderMatcher header_matcher(const envoy::config::route::v3::HeaderMatcher& message,
                                     const FieldPath& at);
std::vector<config::HeaderMatcher> header_matchers(
    const google::protobuf::RepeatedPtrField<envoy::config::route::v3::HeaderMatcher>& messages,
    const FieldPath& at);
config::QueryMatcher query_matcher(const envoy::config::route::v3::QueryParameterMatcher& message,
                                   const FieldPath& at);

// --- numbers and runtime
// -------------------------------------------------------------------------------- Milliseconds,
// truncated as Envoy does; a negative duration is a problem.
std::chrono::milliseconds millis(const google::protobuf::Duration& message, const FieldPath& at);
config::Fraction fraction(const envoy::type::v3::FractionalPercent& message, const FieldPath& at);
// The runtime's value when the key has one, else the default.
// Envoy's runtime keys for tracing outrank what is configured.
void override_tracing(config::Tracing& tracing, const FieldPath& at);
config::Fraction fraction(const envoy::config::core::v3::RuntimeFractionalPercent& message,
                          const FieldPath& at);
bool feature_flag(const envoy::config::core::v3::RuntimeFeatureFlag& message, const FieldPath& at);
uint32_t runtime_number(const envoy::config::core::v3::RuntimeUInt32& message, const FieldPath& at);
double runtime_real(const envoy::config::core::v3::RuntimeDouble& message, const FieldPath& at);
double runtime_percent(const envoy::config::core::v3::RuntimePercent& message, const FieldPath& at);

// --- headers
// --------------------------------------------------------------------------------------------
// Values are checked for well-formed %...% operators.
config::HeaderAppend header_append(const envoy::config::core::v3::HeaderValueOption& message,
                                   const FieldPath& at);
std::vector<config::HeaderAppend> header_appends(
    const google::protobuf::RepeatedPtrField<envoy::config::core::v3::HeaderValueOption>& messages,
    const FieldPath& at);
// Lower-case names; refuses pseudo-headers and Host, which cannot be removed.
std::vector<std::string> header_removals(
    const google::protobuf::RepeatedPtrField<std::string>& names, const FieldPath& at);

// --- data, addresses
// ------------------------------------------------------------------------------------ Reads the
// file or environment variable. At most `max_bytes`.
std::optional<std::string> data_source(const envoy::config::core::v3::DataSource& message,
                                       const FieldPath& at, std::size_t max_bytes = 1 << 20);
// An IP or Unix address; a DNS name is a problem here (endpoints take names by themselves).
Address address(const envoy::config::core::v3::Address& message, const FieldPath& at);
Address socket_address(const envoy::config::core::v3::SocketAddress& message, const FieldPath& at);
std::optional<CidrRange> cidr_range(const envoy::config::core::v3::CidrRange& message,
                                    const FieldPath& at);
std::vector<CidrRange> cidr_ranges(
    const google::protobuf::RepeatedPtrField<envoy::config::core::v3::CidrRange>& messages,
    const FieldPath& at);
config::Value value_of(const google::protobuf::Value& message);
config::Value::Object object_of(const google::protobuf::Struct& message);
// Null when there is none.
std::unique_ptr<config::Metadata> metadata(const envoy::config::core::v3::Metadata& message,
                                           const FieldPath& at);

// --- %...% formats
// -------------------------------------------------------------------------------------- Checks the
// operators of a text; the problem names the one that cannot be parsed.
void check_format(std::string_view text, const FieldPath& at);
// Only the format fields of the result are set.
config::AccessLog substitution_format(
    const envoy::config::core::v3::SubstitutionFormatString& message, const FieldPath& at);

}  // namespace pillion::xds
