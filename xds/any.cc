#include "xds/any.h"

#include <fmt/format.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.h>

#include "xds/validate.h"

namespace pillion::xds {
namespace {

using google::protobuf::Any;
using google::protobuf::Message;

std::string_view after_slash(std::string_view url) {
  const auto slash = url.rfind('/');
  return slash == std::string_view::npos ? url : url.substr(slash + 1);
}

const Message* prototype_of(std::string_view full_name) {
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      std::string(full_name));
  return type == nullptr
             ? nullptr
             : google::protobuf::MessageFactory::generated_factory()->GetPrototype(type);
}

bool parse(const Any& any, const FieldPath& at, Message& message) {
  if (!message.ParsePartialFromString(any.value())) {
    at.problem(fmt::format("holds bytes that are no {}", message.GetDescriptor()->full_name()));
    return false;
  }
  validate(message, at);
  return true;
}

}  // namespace

std::string_view type_name(const Any& any) {
  return after_slash(any.type_url());
}

bool known_type(std::string_view full_name) {
  return prototype_of(full_name) != nullptr;
}

std::unique_ptr<Message> unpack(const Any& any, const FieldPath& at) {
  if (any.type_url().empty()) {
    at.missing("is required: an object with \"@type\"");
    return nullptr;
  }
  const std::string_view name = type_name(any);
  const Message* prototype = prototype_of(name);
  if (prototype == nullptr) {
    at.problem(fmt::format("\"@type\" {} is not known to this version; remove it or correct it",
                           any.type_url()));
    return nullptr;
  }
  std::unique_ptr<Message> message(prototype->New());
  if (!parse(any, at, *message)) return nullptr;
  return message;
}

bool unpack_to(const Any& any, const FieldPath& at, Message& message) {
  const std::string& wanted = message.GetDescriptor()->full_name();
  if (any.type_url().empty()) {
    at.missing(
        fmt::format("is required: an object with \"@type\": "
                    "\"type.googleapis.com/{}\"",
                    wanted));
    return false;
  }
  if (type_name(any) != wanted) {
    at.problem(fmt::format("\"@type\" is {}, but {} is expected here", type_name(any), wanted));
    return false;
  }
  return parse(any, at, message);
}

}  // namespace pillion::xds
