#include "sidecar/server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sidecar/server/cpu_count.h"

namespace pillion::server {
namespace {

using ::testing::HasSubstr;

std::string problem_of(const std::vector<std::string>& arguments) {
  auto result = parse_options(arguments);
  return result ? "no problem" : result.error().message;
}

TEST(Options, UnknownFlagIsRefusedByName) {
  EXPECT_THAT(problem_of({"-c", "a.yaml", "--no-such-flag"}), HasSubstr("--no-such-flag"));
}

TEST(Options, WithoutConfigurationThereIsNothingToServe) {
  EXPECT_THAT(problem_of({}), HasSubstr("--config-path or --config-yaml"));
}

TEST(Options, ValuesOutsideOfTheChoicesAreRefused) {
  EXPECT_EQ(problem_of({"-c", "a", "--mode", "guess"}),
            "--mode: 'guess' is none of serve, validate, init_only");
  EXPECT_EQ(problem_of({"-c", "a", "--drain-strategy", "never"}),
            "--drain-strategy: 'never' is none of gradual, immediate");
  EXPECT_EQ(problem_of({"-c", "a", "--local-address-ip-version", "4"}),
            "--local-address-ip-version: '4' is none of v4, v6");
  EXPECT_EQ(problem_of({"-c", "a", "-l", "loud"}), "--log-level: 'loud' is no log level");
}

TEST(Options, NumbersAreChecked) {
  EXPECT_THAT(problem_of({"-c", "a", "--concurrency", "many"}), HasSubstr("--concurrency"));
  EXPECT_THAT(problem_of({"-c", "a", "--drain-time-s=-3"}), HasSubstr("--drain-time-s"));
  EXPECT_EQ(problem_of({"-c", "a", "--concurrency", "65"}),
            "--concurrency: 65 is above the maximum of 64");
}

TEST(Options, ComponentLevelsAreChecked) {
  EXPECT_THAT(problem_of({"-c", "a", "--component-log-level", "upstream"}),
              HasSubstr("'upstream' is not <component>:<level>"));
  EXPECT_THAT(problem_of({"-c", "a", "--component-log-level", "upstream:loud"}),
              HasSubstr("'loud' is no log level"));
}

TEST(Options, ValueMayFollowASpaceOrAnEqualsSign) {
  auto spaced = parse_options({"--config-path", "a.yaml", "--log-level", "warn"});
  auto joined = parse_options({"--config-path=a.yaml", "--log-level=warn"});
  auto brief = parse_options({"-c", "a.yaml", "-l", "warning"});
  for (const auto* result : {&spaced, &joined, &brief}) {
    ASSERT_TRUE(*result);
    EXPECT_EQ((*result)->config_path, "a.yaml");
    EXPECT_EQ((*result)->log_level, log::Level::kWarning);
  }
}

TEST(Options, LastOfSeveralWins) {
  auto options = parse_options({"-c", "a", "-l", "info", "--log-level", "error"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->log_level, log::Level::kError);
}

TEST(Options, DefaultsAreThoseOfEnvoy) {
  auto options = parse_options({"-c", "a"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mode, Options::Mode::kServe);
  EXPECT_EQ(options->drain_time, std::chrono::seconds(600));
  EXPECT_EQ(options->drain_strategy, Options::DrainStrategy::kGradual);
  EXPECT_EQ(options->file_flush_interval, std::chrono::milliseconds(10000));
  EXPECT_EQ(options->log_level, log::Level::kInfo);
  EXPECT_EQ(options->concurrency, usable_cpus());
  EXPECT_FALSE(options->allow_unknown_static_fields);
}

TEST(Options, TakesTheCommandLineOfAnIstioSidecar) {
  auto options = parse_options({"-c",
                                "etc/istio/proxy/envoy-rev.json",
                                "--drain-time-s",
                                "45",
                                "--drain-strategy",
                                "immediate",
                                "--local-address-ip-version",
                                "v4",
                                "--file-flush-interval-msec",
                                "1000",
                                "--disable-hot-restart",
                                "--allow-unknown-static-fields",
                                "-l",
                                "warning",
                                "--component-log-level",
                                "misc:error,upstream:debug",
                                "--skip-deprecated-logs",
                                "--concurrency",
                                "2",
                                "--log-format",
                                "%Y-%m-%dT%T.%fZ\t%l\tenvoy %n %g:%#\t%v\tthread=%t"});
  ASSERT_TRUE(options) << options.error().message;
  EXPECT_EQ(options->drain_time, std::chrono::seconds(45));
  EXPECT_EQ(options->drain_strategy, Options::DrainStrategy::kImmediate);
  EXPECT_EQ(options->file_flush_interval, std::chrono::milliseconds(1000));
  EXPECT_TRUE(options->allow_unknown_static_fields);
  EXPECT_EQ(options->concurrency, 2u);
  EXPECT_THAT(options->component_log_levels,
              ::testing::ElementsAre(std::pair("misc", log::Level::kError),
                                     std::pair("upstream", log::Level::kDebug)));
}

TEST(Options, FlagsThatMeanNothingHereAreTaken) {
  auto options = parse_options({"--base-id", "3", "--use-dynamic-base-id", "--restart-epoch=0",
                                "--parent-shutdown-time-s", "900", "--stats-tag", "a:b",
                                "--stats-tag", "c:d", "--socket-path", "@x", "-c", "a"});
  EXPECT_TRUE(options) << options.error().message;
}

TEST(Options, YamlTextMayBeTheWholeConfiguration) {
  auto options = parse_options({"--config-yaml", "{admin: {address: {pipe: {path: x}}}}"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->config_yaml, "{admin: {address: {pipe: {path: x}}}}");
}

TEST(Options, JsonLogFormatStandsForItsPattern) {
  auto options = parse_options({"-c", "a", "--log-format", "json"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->log_format, log::kJsonFormat);
}

TEST(Options, VersionAndHelpNeedNoConfiguration) {
  auto version = parse_options({"--version"});
  ASSERT_TRUE(version);
  EXPECT_THAT(version->print_and_exit, HasSubstr("version: " + version_text()));
  auto help = parse_options({"--help"});
  ASSERT_TRUE(help);
  EXPECT_THAT(help->print_and_exit, HasSubstr("--drain-time-s"));
}

TEST(CpuCount, CgroupQuotaIsRoundedUp) {
  EXPECT_EQ(cpus_of_quota("150000 100000\n"), 2u);
  EXPECT_EQ(cpus_of_quota("10000 100000"), 1u);
  EXPECT_EQ(cpus_of_quota("max 100000\n"), std::nullopt);
  EXPECT_EQ(cpus_of_quota("100000 0"), std::nullopt);
  EXPECT_EQ(cpus_of_quota(""), std::nullopt);
}

}  // namespace
}  // namespace pillion::server
