// /listeners: the addresses that the server listens on.

#include <nlohmann/json.hpp>

#include "sidecar/server/admin_context.h"
#include "sidecar/server/admin_json.h"

namespace pillion::server {

namespace {

AdminResponse run(const AdminRequest& request, const AdminContext& context) {
  std::vector<BoundListener> listeners = context.listeners();
  const std::string* format = request.parameter("format");
  if (format == nullptr || *format != "json") {
    std::string body;
    for (const BoundListener& listener : listeners)
      for (const Address& address : listener.addresses)
        body += listener.name + "::" + address.to_string() + "\n";
    return text_response(std::move(body));
  }
  Json statuses = Json::array();
  for (const BoundListener& listener : listeners) {
    Json status = {{"name", listener.name}};
    for (std::size_t i = 0; i < listener.addresses.size(); ++i) {
      Json address = json_address(listener.addresses[i]);
      if (i == 0)
        status["local_address"] = std::move(address);
      else
        status["additional_local_addresses"].push_back(std::move(address));
    }
    statuses.push_back(std::move(status));
  }
  Json answer = Json::object();
  if (!statuses.empty()) answer["listener_statuses"] = std::move(statuses);
  return json_response(answer);
}

}  // namespace

void add_listeners_command(Admin& admin, AdminContext& context) {
  admin.add({.path = "/listeners",
             .help = "print listener info",
             .run = [&context](const AdminRequest& request) { return run(request, context); },
             .parameters = {{"format", "File format to use; One of (text, json)"}}});
}

}  // namespace pillion::server
