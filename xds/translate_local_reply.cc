// LocalReplyConfig: how replies that the proxy makes itself are rewritten (translate.h).

#include <envoy/config/core/v3/substitution_format_string.pb.h>
#include <envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.pb.h>

#include "xds/translate.h"
#include "xds/translate_common.h"

namespace pillion::xds {
namespace {

namespace v3 = envoy::extensions::filters::network::http_connection_manager::v3;
using envoy::config::core::v3::SubstitutionFormatString;

struct BodyFormat {
  config::AccessLog format;
  std::string content_type;
};

BodyFormat body_format(const SubstitutionFormatString& message, const FieldPath& at) {
  BodyFormat result;
  result.format = substitution_format(message, at);
  result.content_type = message.content_type();
  if (result.content_type.empty())
    result.content_type = result.format.json != nullptr ? "application/json" : "text/plain";
  return result;
}

config::LocalReplyMapper mapper(const v3::ResponseMapper& message, const FieldPath& at) {
  config::LocalReplyMapper result;
  result.filter = translate_log_filter(message.filter(), at.field("filter"));
  if (message.has_status_code()) result.status = static_cast<int>(message.status_code().value());
  if (message.has_body()) result.body = data_source(message.body(), at.field("body"));
  if (message.has_body_format_override()) {
    BodyFormat format =
        body_format(message.body_format_override(), at.field("body_format_override"));
    result.body_format = std::move(format.format);
    result.body_format_content_type = std::move(format.content_type);
  }
  result.headers.append = header_appends(message.headers_to_add(), at.field("headers_to_add"));
  return result;
}

}  // namespace

config::LocalReplyConfig translate_local_reply(const v3::LocalReplyConfig& message,
                                               const FieldPath& at) {
  config::LocalReplyConfig result;
  const FieldPath mappers = at.field("mappers");
  for (const v3::ResponseMapper& item : message.mappers())
    result.mappers.push_back(mapper(item, mappers.index(result.mappers.size())));
  if (message.has_body_format()) {
    BodyFormat format = body_format(message.body_format(), at.field("body_format"));
    result.body_format = std::move(format.format);
    result.body_format_content_type = std::move(format.content_type);
  }
  return result;
}

}  // namespace pillion::xds
