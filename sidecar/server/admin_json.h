#pragma once
// JSON as Envoy's admin writes messages: fields in the order of the message, one space a level. For
// the admin commands' files only.

#include <nlohmann/json.hpp>

#include "sidecar/base/address.h"
#include "sidecar/server/admin.h"

namespace pillion::server {

using Json = nlohmann::ordered_json;

// Text that is not UTF-8 is shown with replacement characters; nothing here throws.
AdminResponse json_response(const Json& value, int status = 200);

// envoy.config.core.v3.Address
Json json_address(const Address& address);

}  // namespace pillion::server
