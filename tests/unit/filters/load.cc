#include "tests/unit/filters/load.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>

#include "filters/builtin.h"
#include "sidecar/base/check.h"
#include "xds/message_reader.h"
#include "xds/validate.h"
#include "xds/yaml.h"

namespace pillion::filters {
namespace {

const filter::FilterType& type_of(std::string_view name) {
  for (const filter::FilterType& type : builtin())
    if (type.name == name) return type;
  CHECK(!"no such filter in the table");
  return builtin().front();
}

void read(const std::string& yaml, google::protobuf::Message& message, const xds::FieldPath& at) {
  xds::Document document;
  CHECK(xds::parse_yaml(yaml, document).has_value());
  xds::read_message(document.root, message, at);
}

std::unique_ptr<google::protobuf::Message> load(std::string_view type, const std::string& yaml,
                                                const xds::FieldPath& at) {
  const auto* descriptor =
      google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(std::string(type));
  CHECK(descriptor != nullptr);
  std::unique_ptr<google::protobuf::Message> message(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(descriptor)->New());
  read(yaml, *message, at);
  xds::validate(*message, at);
  return message;
}

}  // namespace

std::shared_ptr<const filter::Factory> Load::filter(std::string_view name,
                                                    const std::string& yaml) {
  const filter::FilterType& type = type_of(name);
  const xds::FieldPath at(context);
  auto message = load(type.config_message, yaml, at);
  auto made = type.parse(*message, {at, registry, "test", service_cluster});
  return context.problems.empty() ? made : nullptr;
}

std::shared_ptr<const filter::RouteConfig> Load::route(std::string_view name,
                                                       const std::string& yaml) {
  const filter::FilterType& type = type_of(name);
  const xds::FieldPath at(context);
  auto message = load(type.route_message, yaml, at);
  auto made = type.parse_route(*message, {at, registry, "test", service_cluster});
  return context.problems.empty() ? made : nullptr;
}

std::vector<std::string> Load::problems() const {
  constexpr std::string_view kFile = "test.yaml: ";
  std::vector<std::string> lines = context.problems.lines();
  for (std::string& line : lines)
    if (line.starts_with(kFile)) line.erase(0, kFile.size());
  return lines;
}

int64_t Load::stat(std::string_view name) const {
  for (const metrics::Subject& subject : registry.snapshot()) {
    int64_t found = -1;
    subject.tally.for_each([&](const metrics::Reading& reading) {
      std::string full = subject.name + ".";
      reading.append_name(full);
      if (full == name) found = static_cast<int64_t>(reading.value);
    });
    if (found >= 0) return found;
  }
  return -1;
}

void Load::set_runtime(const std::string& yaml) {
  google::protobuf::Struct layer;
  read(yaml, layer, xds::FieldPath(context));
  context.runtime.add_layer(layer);
}

}  // namespace pillion::filters
