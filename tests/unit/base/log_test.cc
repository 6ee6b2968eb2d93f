#include "sidecar/base/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <sstream>

namespace pillion {
namespace {

std::string read_all(const std::string& path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// The log is the process's own, so each test gives it back as it was.
class LogTest : public ::testing::Test {
 protected:
  LogTest() : path_(::testing::TempDir() + "pillion_log_" + std::to_string(::getpid())) {
    EXPECT_TRUE(log::set_destination(path_));
    log::set_format("%l %n %v");
  }
  ~LogTest() override {
    log::set_level(log::Level::kInfo);
    log::set_format(log::kDefaultFormat);
    EXPECT_TRUE(log::set_destination(""));
    std::remove(path_.c_str());
  }
  [[nodiscard]] std::string text() const { return read_all(path_); }

  std::string path_;
};

TEST_F(LogTest, UnopenableFileIsAProblemAndTheLogGoesOnAsBefore) {
  auto result = log::set_destination("/nonexistent/folder/file");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message,
            "cannot open the log file '/nonexistent/folder/file': No such file or directory");
  log::info("main", "still here");
  EXPECT_EQ(text(), "info main still here\n");
}

TEST_F(LogTest, MessagesBelowTheLevelAreNotWritten) {
  log::debug("main", "hidden");
  log::warning("main", "{} of {}", 1, 2);
  log::set_level(log::Level::kOff);
  log::critical("main", "hidden too");
  EXPECT_EQ(text(), "warning main 1 of 2\n");
}

TEST_F(LogTest, OneComponentMayBeMoreVerboseThanTheRest) {
  EXPECT_TRUE(log::set_component_level("upstream", log::Level::kTrace));
  EXPECT_FALSE(log::set_component_level("no such thing", log::Level::kTrace));
  log::trace("upstream", "seen");
  log::trace("http", "hidden");
  EXPECT_EQ(text(), "trace upstream seen\n");
  EXPECT_EQ(log::component_level("upstream"), log::Level::kTrace);
  EXPECT_EQ(log::component_level("http"), log::Level::kInfo);
}

TEST_F(LogTest, UnknownComponentsHaveTheLevelOfMisc) {
  EXPECT_TRUE(log::set_component_level("misc", log::Level::kDebug));
  log::debug("a newcomer", "seen");
  EXPECT_EQ(text(), "debug a newcomer seen\n");
}

TEST_F(LogTest, JsonFormatEscapesTheMessage) {
  log::set_format(log::kJsonFormat);
  log::error("config", "say \"hi\"\nand go");
  EXPECT_THAT(text(),
              ::testing::EndsWith(R"("component":"config","thread":)" + std::to_string(::gettid()) +
                                  R"(,"message":"say \"hi\"\nand go"})"
                                  "\n"));
}

TEST_F(LogTest, UnderscoreFlagKeepsAMessageOnOneLine) {
  log::set_format("[%l] %_");
  log::info("main", "a\nb");
  EXPECT_EQ(text(), "[info] a\\nb\n");
}

TEST_F(LogTest, ReopenFollowsLogRotation) {
  log::info("main", "first");
  std::string rotated = path_ + ".1";
  ASSERT_EQ(std::rename(path_.c_str(), rotated.c_str()), 0);
  log::info("main", "second");
  ASSERT_TRUE(log::reopen());
  log::info("main", "third");
  EXPECT_EQ(read_all(rotated), "info main first\ninfo main second\n");
  EXPECT_EQ(text(), "info main third\n");
  std::remove(rotated.c_str());
}

TEST(LogLevels, NamesAreThoseOfEnvoy) {
  EXPECT_EQ(log::level_of("warn"), log::Level::kWarning);
  EXPECT_EQ(log::level_of("off"), log::Level::kOff);
  EXPECT_FALSE(log::level_of("loud"));
  for (auto level : {log::Level::kTrace, log::Level::kCritical})
    EXPECT_EQ(log::level_of(log::level_name(level)), level);
}

}  // namespace
}  // namespace pillion
