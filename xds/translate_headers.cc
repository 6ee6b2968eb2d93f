// Header additions and removals, and %...% formats (translate_common.h).

#include <envoy/config/core/v3/base.pb.h>
#include <envoy/config/core/v3/substitution_format_string.pb.h>
#include <fmt/format.h>
#include <google/protobuf/struct.pb.h>

#include "sidecar/base/text.h"
#include "sidecar/format/formatter.h"
#include "xds/any.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

using envoy::config::core::v3::HeaderValueOption;
using envoy::config::core::v3::SubstitutionFormatString;
using Action = config::HeaderAppend::Action;

// Paths and hosts are changed by rewrites of the route, which matching and redirects know about.
bool modifiable(std::string_view name) {
  return !name.empty() && name[0] != ':' && !equals_ignore_case(name, "host");
}

Action action_of(const HeaderValueOption& message, const FieldPath& at) {
  if (message.has_append()) {
    if (message.append_action() != HeaderValueOption::APPEND_IF_EXISTS_OR_ADD)
      at.field("append").problem("cannot be set beside append_action; keep append_action");
    return message.append().value() ? Action::kAppendIfExistsOrAdd
                                    : Action::kOverwriteIfExistsOrAdd;
  }
  switch (message.append_action()) {
    case HeaderValueOption::ADD_IF_ABSENT:
      return Action::kAddIfAbsent;
    case HeaderValueOption::OVERWRITE_IF_EXISTS_OR_ADD:
      return Action::kOverwriteIfExistsOrAdd;
    case HeaderValueOption::OVERWRITE_IF_EXISTS:
      return Action::kOverwriteIfExists;
    default:
      return Action::kAppendIfExistsOrAdd;
  }
}

// Extensions whose operators are built in here.
constexpr std::string_view kFormatterTypes[] = {
    "envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery",
    "envoy.extensions.formatter.metadata.v3.Metadata"};

void check_formatters(const SubstitutionFormatString& message, const FieldPath& at) {
  const FieldPath list = at.field("formatters");
  for (int i = 0; i < message.formatters_size(); ++i) {
    const std::string_view type = type_name(message.formatters(i).typed_config());
    if (type != kFormatterTypes[0] && type != kFormatterTypes[1])
      not_supported(list.index(static_cast<std::size_t>(i)),
                    "remove it, and the operators that it brings, from the format");
  }
}

}  // namespace

config::HeaderAppend header_append(const HeaderValueOption& message, const FieldPath& at) {
  config::HeaderAppend append;
  const auto& header = message.header();
  append.name = lower_copy(header.key());
  append.action = action_of(message, at);
  append.keep_empty_value = message.keep_empty_value();
  if (!header.raw_value().empty() && !header.value().empty())
    at.field("header.raw_value").problem("cannot be set beside value; keep one of the two");
  append.value = header.value().empty() ? header.raw_value() : header.value();
  if (!header.key().empty() && !modifiable(header.key()))
    at.field("header.key")
        .problem(fmt::format("\"{}\" cannot be set this way; use prefix_rewrite, regex_rewrite or "
                             "host_rewrite_literal of the route",
                             header.key()));
  check_format(append.value, at.field("header.value"));
  return append;
}

std::vector<config::HeaderAppend> header_appends(
    const google::protobuf::RepeatedPtrField<HeaderValueOption>& messages, const FieldPath& at) {
  std::vector<config::HeaderAppend> appends;
  appends.reserve(static_cast<std::size_t>(messages.size()));
  for (const HeaderValueOption& message : messages)
    appends.push_back(header_append(message, at.index(appends.size())));
  return appends;
}

std::vector<std::string> header_removals(
    const google::protobuf::RepeatedPtrField<std::string>& names, const FieldPath& at) {
  std::vector<std::string> removals;
  removals.reserve(static_cast<std::size_t>(names.size()));
  for (const std::string& name : names) {
    if (!name.empty() && !modifiable(name))
      at.index(removals.size()).problem(fmt::format("\"{}\" cannot be removed", name));
    removals.push_back(lower_copy(name));
  }
  return removals;
}

void check_format(std::string_view text, const FieldPath& at) {
  // Most values hold no operator; those are well-formed by themselves.
  if (text.find('%') == std::string_view::npos) return;
  auto parsed = format::Formatter::parse(text);
  if (!parsed) at.problem(parsed.error().message);
}

config::AccessLog substitution_format(const SubstitutionFormatString& message,
                                      const FieldPath& at) {
  config::AccessLog log;
  check_fields(message, at,
               {"text_format", "json_format", "text_format_source", "omit_empty_values",
                "content_type", "formatters", "json_format_options"});
  check_formatters(message, at);
  log.omit_empty_values = message.omit_empty_values();
  log.sort_properties = message.json_format_options().sort_properties();
  switch (message.format_case()) {
    case SubstitutionFormatString::kTextFormat:
      log.text = message.text_format();
      check_format(log.text, at.field("text_format"));
      break;
    case SubstitutionFormatString::kTextFormatSource:
      log.text = data_source(message.text_format_source(), at.field("text_format_source"))
                     .value_or(std::string());
      check_format(log.text, at.field("text_format_source"));
      break;
    case SubstitutionFormatString::kJsonFormat: {
      log.json = std::make_unique<config::Value>();
      log.json->data = object_of(message.json_format());
      auto parsed =
          format::JsonFormatter::parse(*log.json, log.omit_empty_values, log.sort_properties);
      if (!parsed) at.field("json_format").problem(parsed.error().message);
      break;
    }
    default:
      at.missing("needs one of text_format_source and json_format");
  }
  return log;
}

}  // namespace pillion::xds
