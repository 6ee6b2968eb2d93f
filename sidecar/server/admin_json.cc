#include "sidecar/server/admin_json.h"

namespace pillion::server {

AdminResponse json_response(const Json& value, int status) {
  std::string body = value.dump(1, ' ', false, Json::error_handler_t::replace);
  body += '\n';
  return {status, kJsonContent, std::move(body)};
}

Json json_address(const Address& address) {
  if (address.is_unix()) return {{"pipe", {{"path", address.to_string()}}}};
  return {{"socket_address", {{"address", address.ip_string()}, {"port_value", address.port()}}}};
}

}  // namespace pillion::server
