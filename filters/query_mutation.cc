#include "filters/query_mutation.h"

#include <envoy/config/core/v3/base.pb.h>
#include <google/protobuf/struct.pb.h>

#include <algorithm>

#include "sidecar/base/text.h"
#include "xds/check_fields.h"
#include "xds/field_path.h"

namespace pillion::filters {
namespace {

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char low = lower(c);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

// RFC 3986 section 2.1; a '%' that starts no escape stays.
std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const int high = hex_digit(text[i + 1]);
      const int low = hex_digit(text[i + 2]);
      if (high >= 0 && low >= 0) {
        out += static_cast<char>(high * 16 + low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// All but the unreserved characters of RFC 3986 section 2.3.
std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (char c : text) {
    const char low = lower(c);
    if (is_digit(c) || (low >= 'a' && low <= 'z') || c == '-' || c == '_' || c == '.' || c == '~') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  return out;
}

std::string_view name_of(std::string_view parameter) {
  return parameter.substr(0, parameter.find('='));
}

}  // namespace

std::optional<std::string> query_value(const http::RequestHead& head, std::string_view name) {
  for (std::string_view parameter : split(head.query(), '&')) {
    if (parameter.empty() || percent_decoded(name_of(parameter)) != name) continue;
    const std::size_t equals = parameter.find('=');
    return equals == std::string_view::npos ? std::string()
                                            : percent_decoded(parameter.substr(equals + 1));
  }
  return std::nullopt;
}

QueryMutations::QueryMutations(
    const google::protobuf::RepeatedPtrField<envoy::config::core::v3::KeyValueMutation>& messages,
    const xds::FieldPath& at) {
  for (int i = 0; i < messages.size(); ++i) {
    const xds::FieldPath here = at.index(static_cast<std::size_t>(i));
    xds::check_fields(messages[i], here, {"append", "remove"});
    if (messages[i].has_append()) {
      if (!messages[i].remove().empty())
        here.field("remove").problem("cannot be set beside append; keep one of the two");
      read_append(messages[i].append(), here.field("append"));
    } else if (!messages[i].remove().empty()) {
      mutations_.push_back({Action::kRemove, messages[i].remove(), {}});
    } else {
      here.missing("needs one of append and remove");
    }
  }
}

void QueryMutations::read_append(const envoy::config::core::v3::KeyValueAppend& message,
                                 const xds::FieldPath& at) {
  using envoy::config::core::v3::KeyValueAppend;
  xds::check_fields(message, at, {"record", "action"});
  if (!message.has_record()) {
    at.field("record").missing("is required");
    return;
  }
  const xds::FieldPath record = at.field("record");
  if (message.record().value().kind_case() != google::protobuf::Value::kStringValue) {
    record.field("value").problem("has to be a string; put it in quotes");
    return;
  }
  auto value = format::Formatter::parse(message.record().value().string_value(), true);
  if (!value) {
    record.field("value").problem(value.error().message);
    return;
  }
  Action action = Action::kAppend;
  if (message.action() == KeyValueAppend::ADD_IF_ABSENT) action = Action::kAddIfAbsent;
  if (message.action() == KeyValueAppend::OVERWRITE_IF_EXISTS_OR_ADD)
    action = Action::kOverwriteOrAdd;
  if (message.action() == KeyValueAppend::OVERWRITE_IF_EXISTS) action = Action::kOverwrite;
  Mutation& added = mutations_.emplace_back();
  added.action = action;
  added.key = message.record().key();
  added.value.push_back(std::move(*value));
}

void QueryMutations::apply(http::RequestHead& head, const format::Context& context) const {
  if (mutations_.empty() || head.path.empty()) return;
  std::vector<std::string> parameters;
  if (const std::string_view query = head.query(); !query.empty())
    for (std::string_view parameter : split(query, '&')) parameters.emplace_back(parameter);
  for (const Mutation& mutation : mutations_) mutate(mutation, parameters, context);
  std::string path(head.path_only());
  char separator = '?';
  for (const std::string& parameter : parameters) {
    path += separator;
    path += parameter;
    separator = '&';
  }
  head.path = head.headers.arena().copy(path);
}

void QueryMutations::mutate(const Mutation& mutation, std::vector<std::string>& parameters,
                            const format::Context& context) {
  auto is_it = [&](const std::string& parameter) {
    return percent_decoded(name_of(parameter)) == mutation.key;
  };
  if (mutation.action == Action::kRemove) {
    std::erase_if(parameters, is_it);
    return;
  }
  const auto first = std::find_if(parameters.begin(), parameters.end(), is_it);
  const bool exists = first != parameters.end();
  if (mutation.action == Action::kAddIfAbsent && exists) return;
  if (mutation.action == Action::kOverwrite && !exists) return;
  std::string value;
  mutation.value.front().append_header_value(value, context);
  std::string parameter = percent_encoded(mutation.key) + "=" + percent_encoded(value);
  if (exists && mutation.action != Action::kAppend) {
    *first = std::move(parameter);
    parameters.erase(std::remove_if(first + 1, parameters.end(), is_it), parameters.end());
  } else {
    parameters.push_back(std::move(parameter));
  }
}

}  // namespace pillion::filters
