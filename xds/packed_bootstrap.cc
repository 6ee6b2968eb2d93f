#include "xds/packed_bootstrap.h"

#include <envoy/config/bootstrap/v3/bootstrap.pb.h>
#include <google/protobuf/any.pb.h>
#include <google/protobuf/arena.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/gzip_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/wire_format_lite.h>
#include <malloc.h>

#include "xds/any.h"
#include "xds/bootstrap.h"

namespace pillion::xds {
namespace {

namespace io = google::protobuf::io;
using envoy::config::bootstrap::v3::Bootstrap;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::internal::WireFormatLite;

constexpr int kFastest = 1;

void forget_unknown_any(Message& message);

// What is inside of an Any cannot be reached in place: it is opened, changed and closed again.
void forget_unknown_in(google::protobuf::Any& any) {
  if (!known_type(type_name(any))) {
    any.Clear();
    return;
  }
  const auto* type = google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
      std::string(type_name(any)));
  std::unique_ptr<Message> content(
      google::protobuf::MessageFactory::generated_factory()->GetPrototype(type)->New());
  if (!content->ParsePartialFromString(any.value())) return;
  forget_unknown_any(*content);
  content->SerializePartialToString(any.mutable_value());
}

// Protobuf cannot print an Any of a type that it does not know, such as that of an optional filter.
void forget_unknown_any(Message& message) {
  if (message.GetDescriptor() == google::protobuf::Any::descriptor()) {
    forget_unknown_in(static_cast<google::protobuf::Any&>(message));
    return;
  }
  const auto* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) continue;
    if (!field->is_repeated()) {
      forget_unknown_any(*reflection->MutableMessage(&message, field));
      continue;
    }
    for (int i = 0; i < reflection->FieldSize(message, field); ++i)
      forget_unknown_any(*reflection->MutableRepeatedMessage(&message, field, i));
  }
}

bool to_json(const Message& message, std::string& json) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  json.clear();
  // It complains of types that it does not know on standard error; the caller deals with those.
  google::protobuf::LogSilencer silence;
  return google::protobuf::util::MessageToJsonString(message, &json, options).ok();
}

}  // namespace

BootstrapPacker::BootstrapPacker() : out_(std::make_unique<io::StringOutputStream>(&packed_)) {
  io::GzipOutputStream::Options options;
  options.compression_level = kFastest;
  gzip_ = std::make_unique<io::GzipOutputStream>(out_.get(), options);
}

BootstrapPacker::~BootstrapPacker() = default;

void BootstrapPacker::add_bootstrap(const Message& bootstrap) {
  io::CodedOutputStream coded(gzip_.get());
  bootstrap.SerializePartialToCodedStream(&coded);
}

void BootstrapPacker::add_cluster(const Message& cluster) {
  // A Bootstrap that holds nothing but this cluster: concatenated messages merge when parsed.
  const uint32_t outer_tag = WireFormatLite::MakeTag(Bootstrap::kStaticResourcesFieldNumber,
                                                     WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  const uint32_t inner_tag = WireFormatLite::MakeTag(
      Bootstrap::StaticResources::kClustersFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
  const auto size = static_cast<uint32_t>(cluster.ByteSizeLong());
  const std::size_t inner_size = io::CodedOutputStream::VarintSize32(inner_tag) +
                                 io::CodedOutputStream::VarintSize32(size) + size;
  io::CodedOutputStream coded(gzip_.get());
  coded.WriteTag(outer_tag);
  coded.WriteVarint32(static_cast<uint32_t>(inner_size));
  coded.WriteTag(inner_tag);
  coded.WriteVarint32(size);
  cluster.SerializeWithCachedSizes(&coded);
}

std::string BootstrapPacker::finish() {
  gzip_->Close();
  gzip_.reset();
  out_.reset();
  packed_.shrink_to_fit();
  return std::move(packed_);
}

std::string dump_json(const config::Bootstrap& bootstrap) {
  std::string json;
  {
    google::protobuf::Arena arena;
    auto& message = *google::protobuf::Arena::CreateMessage<Bootstrap>(&arena);
    io::ArrayInputStream in(bootstrap.packed.data(), static_cast<int>(bootstrap.packed.size()));
    io::GzipInputStream gzip(&in);
    if (bootstrap.packed.empty() || !message.ParsePartialFromZeroCopyStream(&gzip)) return "{}";
    if (!to_json(message, json)) {
      forget_unknown_any(message);
      if (!to_json(message, json)) return "{}";
    }
  }
  // A dump of a large configuration takes ten times its size; give it back at once.
  ::malloc_trim(0);
  return json;
}

}  // namespace pillion::xds
