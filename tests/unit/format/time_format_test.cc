#include "sidecar/format/time_format.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace pillion::format {
namespace {

// 2026-11-20T09:21:18.573382 UTC, a Friday.
constexpr WallTime kMoment{std::chrono::microseconds(1795166478573382)};

std::string formatted(std::string_view format) {
  std::string out;
  append_time(out, kMoment, format, false);
  return out;
}

TEST(TimeFormat, RefusesNewlines) {
  EXPECT_FALSE(check_time_format("a\nb").has_value());
  EXPECT_FALSE(check_time_format("%n").has_value());
  EXPECT_FALSE(check_time_format("%Y%n").has_value());
  EXPECT_TRUE(check_time_format("%%n").has_value());
  EXPECT_TRUE(check_time_format("").has_value());
  EXPECT_TRUE(check_time_format("%").has_value());
}

TEST(TimeFormat, RendersWhatEnvoyRenders) {
  const std::map<std::string, std::string> expected = {
      {"%s", "1795166478"},
      {"%s.%3f", "1795166478.573"},
      {"%f", "573382000"},
      {"%3f", "573"},
      {"%1f.%9f", "5.573382000"},
      {"%6s", "1795166478"},
      {"%Y/%m/%dT%H:%M:%S%z", "2026/11/20T09:21:18+0000"},
      {"%3S", "018"},
      {"%E3S", "18.573"},
      {"%E*S", "18.573382"},
      {"%E0S", "18"},
      {"%E*f", "573382"},
      {"%Ez", "+00:00"},
      {"%E4Y", "2026"},
      {"%Es", "1795166478"},
      {"%ET", "T"},
      {"%e|%j|%a %A %b %B %p %I %y %Z", "20|324|Fri Friday Nov November AM 09 26 UTC"},
      {"%T %D %F %R %C %u %w %h", "09:21:18 11/20/26 2026-11-20 09:21 20 5 5 Nov"},
      {"%G %V %U", "2026 47 46"},
      {"%%", "%"},
      {"abc", "abc"},
      {"x%", "x%"},
      {"", ""},
  };
  for (const auto& [format, text] : expected) EXPECT_EQ(formatted(format), text) << format;
}

TEST(TimeFormat, IsoTimeHasMillisecondsAndSurvivesTheChangeOfSecond) {
  std::string out;
  append_iso_time(out, kMoment);
  append_iso_time(out, kMoment + std::chrono::milliseconds(500));
  append_iso_time(out, kMoment + std::chrono::milliseconds(1));
  EXPECT_EQ(out, "2026-11-20T09:21:18.573Z2026-11-20T09:21:19.073Z2026-11-20T09:21:18.574Z");
  out.clear();
  append_iso_time(out, WallTime(std::chrono::milliseconds(-1)));
  EXPECT_EQ(out, "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace pillion::format
