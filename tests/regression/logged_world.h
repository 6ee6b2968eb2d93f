#pragma once
// A World whose connection manager logs the given format to a file of the test's own.

#include <fstream>
#include <iterator>
#include <string>

#include "tests/component/world.h"

namespace pillion::regression {

class LoggedWorld : public component::World {
 protected:
  ~LoggedWorld() override { std::remove(path_.c_str()); }

  void start_logging(const std::string& format, component::Scene scene = {}) {
    std::string log =
        "access_log: [{name: f, typed_config: {'@type': "
        "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, "
        "path: '" +
        path_ + "', log_format: {text_format_source: {inline_string: \"" + format + "\\n\"}}}}]";
    scene.hcm += (scene.hcm.empty() ? "" : ", ") + log;
    start(std::move(scene));
  }
  // All lines so far.
  std::string logged() {
    sinks_->flush();
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::string path_ = ::testing::TempDir() + "pillion-regression-" +
                      ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".log";
};

}  // namespace pillion::regression
