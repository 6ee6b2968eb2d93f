#pragma once
// A stream with its heads for the tests of formats: everything absent until a test sets it.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "sidecar/format/formatter.h"

namespace pillion::format {

class FormatTest : public ::testing::Test {
 protected:
  [[nodiscard]] Context context() const {
    return {&info_, &request_, &response_, &trailers_, body_};
  }

  std::string text(std::string_view format, bool omit_empty = false) const {
    auto formatter = Formatter::parse(format, omit_empty);
    if (!formatter) return "problem: " + formatter.error().message;
    std::string out;
    formatter->append_to(out, context());
    return out;
  }
  // The line of {"k": format} without the braces, key and newline.
  std::string json(std::string_view format, bool omit_empty = false) const {
    config::Value layout;
    layout.data = config::Value::Object{{"k", {std::string(format)}}};
    auto formatter = JsonFormatter::parse(layout, omit_empty, false);
    if (!formatter) return "problem: " + formatter.error().message;
    std::string out;
    formatter->append_to(out, context());
    constexpr std::string_view kBefore = "{\"k\":";
    if (!out.starts_with(kBefore) || !out.ends_with("}\n")) return out;
    return out.substr(kBefore.size(), out.size() - kBefore.size() - 2);
  }
  static std::string problem(std::string_view format) {
    auto formatter = Formatter::parse(format);
    return formatter ? "" : formatter.error().message;
  }

  BlockPool pool_;
  Arena arena_{pool_};
  StreamInfo info_;
  http::RequestHead request_{arena_};
  http::ResponseHead response_{arena_};
  http::Headers trailers_{arena_};
  std::string_view body_;
};

}  // namespace pillion::format
