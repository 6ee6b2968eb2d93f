// Loads arbitrary bytes as a bootstrap: YAML, or JSON when the first byte is even, with and without
// unknown fields allowed. Every load has to end in a configuration or in a list of problems.

#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "filters/builtin.h"
#include "sidecar/metrics/registry.h"
#include "xds/bootstrap.h"

namespace {

// One file per process, overwritten by each input.
const std::string& file_for(bool json) {
  static const auto& base = *new std::string(
      (std::filesystem::temp_directory_path() / ("fuzz_bootstrap-" + std::to_string(::getpid())))
          .string());
  static const auto& json_name = *new std::string(base + ".json");
  static const auto& yaml_name = *new std::string(base + ".yaml");
  return json ? json_name : yaml_name;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  static auto& registry = *new pillion::metrics::Registry();
  pillion::xds::LoadOptions options;
  const bool json = data[0] % 2 == 0;
  options.file = file_for(json);
  options.allow_unknown_static_fields = (data[0] & 2) != 0;
  options.filters = pillion::filters::builtin();
  options.metrics = &registry;
  {
    std::ofstream out(options.file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(data + 1), static_cast<std::streamsize>(size - 1));
  }
  auto loaded = pillion::xds::load_bootstrap(options);
  std::filesystem::remove(options.file);
  if (!loaded) {
    // Refused without a reason: that is a defect.
    if (loaded.error().empty()) std::abort();
  } else if (pillion::xds::dump_json(loaded->bootstrap).empty()) {
    std::abort();
  }
  return 0;
}
