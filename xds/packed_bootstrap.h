#pragma once
// The bootstrap message kept for the admin's /config_dump: serialised and compressed piece by piece
// while the configuration is loaded, opened again only when somebody asks. Control thread only.

#include <memory>
#include <string>

namespace google::protobuf {
class Message;
namespace io {
class GzipOutputStream;
class StringOutputStream;
}  // namespace io
}  // namespace google::protobuf

namespace pillion::xds {

class BootstrapPacker {
 public:
  BootstrapPacker();
  ~BootstrapPacker();
  // A Bootstrap; what several calls give is merged when it is opened.
  void add_bootstrap(const google::protobuf::Message& bootstrap);
  // One of static_resources.clusters.
  void add_cluster(const google::protobuf::Message& cluster);
  std::string finish();

 private:
  std::string packed_;
  std::unique_ptr<google::protobuf::io::StringOutputStream> out_;
  std::unique_ptr<google::protobuf::io::GzipOutputStream> gzip_;
};

}  // namespace pillion::xds
