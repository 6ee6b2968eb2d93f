#include "sidecar/proxy/access_log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <thread>

#include "sidecar/metrics/registry.h"

namespace pillion::proxy {
namespace {

using Filter = config::LogFilter;

// An own folder, gone with the test.
class Folder {
 public:
  Folder() {
    std::string layout = (std::filesystem::temp_directory_path() / "pillion-log-XXXXXX").string();
    path_ = mkdtemp(layout.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string content(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class AccessLogTest : public ::testing::Test {
 protected:
  // The sinks are told to flush, so that no test waits for the interval.
  AccessLogTest() { info_.response_code = 200; }

  static config::AccessLog to_file(const std::string& path, std::string text) {
    config::AccessLog log;
    log.path = path;
    log.text = std::move(text);
    return log;
  }
  uint64_t counter(std::string_view name) const {
    uint64_t value = 0;
    for (const metrics::Subject& subject : registry_.snapshot())
      subject.tally.for_each([&](const metrics::Reading& reading) {
        if (reading.cell.name == name) value += reading.value;
      });
    return value;
  }
  [[nodiscard]] format::Context context() const { return {&info_, &request_, &response_}; }
  bool passes(const Filter& filter, uint64_t random = 0) const {
    auto condition = LogCondition::compile(filter);
    EXPECT_TRUE(condition.has_value());
    return condition->matches(context(), random);
  }

  Folder folder_;
  metrics::Registry registry_;
  AccessLogSinks sinks_{registry_, std::chrono::hours(1)};
  BlockPool pool_;
  Arena arena_{pool_};
  http::RequestHead request_{arena_};
  http::ResponseHead response_{arena_};
  StreamInfo info_;
};

TEST_F(AccessLogTest, NamesAFileThatCannotBeOpened) {
  config::AccessLog log = to_file(folder_.file("no/such/folder"), "x");
  auto logger = AccessLogger::compile(log, sinks_);
  ASSERT_FALSE(logger.has_value());
  EXPECT_EQ(logger.error().message,
            "cannot open access log '" + log.path + "' for appending: No such file or directory");
}

// Regression: --mode validate made the files that it was to check.
TEST_F(AccessLogTest, ChecksWithoutMakingFiles) {
  AccessLogSinks sinks(registry_, std::chrono::hours(1), AccessLogSinks::Files::kCheck);
  config::AccessLog log = to_file(folder_.file("a"), "x");
  EXPECT_TRUE(AccessLogger::compile(log, sinks).has_value());
  EXPECT_NE(::access(log.path.c_str(), F_OK), 0);
  auto nowhere = AccessLogger::compile(to_file(folder_.file("no/such/folder"), "x"), sinks);
  ASSERT_FALSE(nowhere.has_value());
  EXPECT_NE(nowhere.error().message.find("No such file or directory"), std::string::npos);
  EXPECT_TRUE(AccessLogger::compile(to_file("/dev/null", "x"), sinks).has_value());
}

TEST_F(AccessLogTest, RefusesABadFormatOrFilter) {
  EXPECT_FALSE(AccessLogger::compile(to_file(folder_.file("a"), "%NOPE%"), sinks_).has_value());
  config::AccessLog json = to_file(folder_.file("a"), "");
  json.json = std::make_unique<config::Value>();
  EXPECT_FALSE(AccessLogger::compile(json, sinks_).has_value());
  config::AccessLog flags = to_file(folder_.file("a"), "x");
  flags.filter = std::make_unique<Filter>();
  flags.filter->kind = Filter::Kind::kResponseFlag;
  flags.filter->flags = {"XX"};
  auto logger = AccessLogger::compile(flags, sinks_);
  ASSERT_FALSE(logger.has_value());
  EXPECT_EQ(logger.error().message, "'XX' is no response flag");
}

TEST_F(AccessLogTest, AFullDiskLosesLinesAndCountsThem) {
  config::AccessLog log = to_file("/dev/full", "line\n");
  auto logger = AccessLogger::compile(log, sinks_);
  ASSERT_TRUE(logger.has_value()) << logger.error().message;
  for (int i = 0; i < 3; ++i) (*logger)->log(context(), 0);
  sinks_.flush();
  EXPECT_EQ(counter("write_buffered"), 3u);
  EXPECT_EQ(counter("write_failed"), 1u);
  EXPECT_EQ(counter("write_completed"), 0u);
  (*logger)->log(context(), 0);
  sinks_.flush();
  EXPECT_EQ(counter("write_failed"), 2u);
}

TEST_F(AccessLogTest, WritesNothingUntilFlushed) {
  config::AccessLog log = to_file(folder_.file("a"), "%RESPONSE_CODE%\n");
  auto logger = AccessLogger::compile(log, sinks_);
  ASSERT_TRUE(logger.has_value());
  (*logger)->log(context(), 0);
  EXPECT_EQ(content(log.path), "");
  sinks_.flush();
  EXPECT_EQ(content(log.path), "200\n");
}

TEST_F(AccessLogTest, AppendsToWhatIsThereAndSharesOneFile) {
  std::ofstream(folder_.file("a")) << "old\n";
  config::AccessLog one = to_file(folder_.file("a"), "one\n");
  config::AccessLog two = to_file(folder_.file("a"), "two\n");
  auto first = AccessLogger::compile(one, sinks_);
  auto second = AccessLogger::compile(two, sinks_);
  ASSERT_TRUE(first.has_value() && second.has_value());
  (*first)->log(context(), 0);
  (*second)->log(context(), 0);
  (*first)->log(context(), 0);
  sinks_.flush();
  EXPECT_EQ(content(one.path), "old\none\ntwo\none\n");
}

TEST_F(AccessLogTest, TheDefaultFormatAndJsonAreLines) {
  config::AccessLog text = to_file(folder_.file("text"), "");
  config::AccessLog json = to_file(folder_.file("json"), "");
  json.json = std::make_unique<config::Value>();
  json.json->data = config::Value::Object{{"code", {std::string("%RESPONSE_CODE%")}}};
  auto as_text = AccessLogger::compile(text, sinks_);
  auto as_json = AccessLogger::compile(json, sinks_);
  ASSERT_TRUE(as_text.has_value() && as_json.has_value());
  (*as_text)->log(context(), 0);
  (*as_json)->log(context(), 0);
  sinks_.flush();
  EXPECT_NE(content(text.path).find("\"- - -\" 200 - 0 0 "), std::string::npos);
  EXPECT_EQ(content(json.path), "{\"code\":200}\n");
}

TEST_F(AccessLogTest, ReopenFollowsARotation) {
  config::AccessLog log = to_file(folder_.file("a"), "line\n");
  auto logger = AccessLogger::compile(log, sinks_);
  ASSERT_TRUE(logger.has_value());
  (*logger)->log(context(), 0);
  std::filesystem::rename(log.path, folder_.file("a.1"));
  sinks_.reopen();
  (*logger)->log(context(), 0);
  sinks_.flush();
  EXPECT_EQ(content(folder_.file("a.1")), "line\n");
  EXPECT_EQ(content(log.path), "line\n");
}

TEST_F(AccessLogTest, AFailedReopenKeepsTheOldFile) {
  std::filesystem::create_directory(folder_.file("d"));
  config::AccessLog log = to_file(folder_.file("d/a"), "line\n");
  auto logger = AccessLogger::compile(log, sinks_);
  ASSERT_TRUE(logger.has_value());
  std::filesystem::rename(folder_.file("d"), folder_.file("e"));
  sinks_.reopen();
  EXPECT_EQ(counter("reopen_failed"), 1u);
  (*logger)->log(context(), 0);
  sinks_.flush();
  EXPECT_EQ(content(folder_.file("e/a")), "line\n");
}

TEST_F(AccessLogTest, SixtyFourKilobytesAreWrittenWithoutBeingAsked) {
  config::AccessLog log = to_file(folder_.file("a"), std::string(1024, 'x'));
  auto logger = AccessLogger::compile(log, sinks_);
  ASSERT_TRUE(logger.has_value());
  for (int i = 0; i < 64; ++i) (*logger)->log(context(), 0);
  // The writer thread is on its own; it is bound to come.
  while (std::filesystem::file_size(log.path) < 64 * 1024) std::this_thread::yield();
  EXPECT_EQ(std::filesystem::file_size(log.path), 64u * 1024);
}

TEST_F(AccessLogTest, LinesOfSeveralWorkersStayWhole) {
  config::AccessLog log = to_file(folder_.file("a"), "%RESPONSE_CODE%\n");
  auto logger = AccessLogger::compile(log, sinks_);
  ASSERT_TRUE(logger.has_value());
  constexpr int kLines = 5000;
  auto work = [this, &logger](unsigned worker) {
    metrics::set_this_worker(worker);
    StreamInfo info = info_;
    info.response_code = static_cast<int>(worker * 111);
    for (int i = 0; i < kLines; ++i) (*logger)->log(format::Context{&info}, 0);
  };
  std::thread one(work, 1);
  std::thread two(work, 2);
  for (int i = 0; i < 20; ++i) sinks_.flush();
  one.join();
  two.join();
  sinks_.flush();
  std::ifstream in(log.path);
  std::map<std::string, int> lines;
  for (std::string line; std::getline(in, line);) ++lines[line];
  EXPECT_EQ(lines, (std::map<std::string, int>{{"111", kLines}, {"222", kLines}}));
}

TEST_F(AccessLogTest, WhatWaitsIsWrittenAtTheEnd) {
  config::AccessLog log = to_file(folder_.file("a"), "last\n");
  {
    AccessLogSinks sinks(registry_, std::chrono::hours(1));
    auto logger = AccessLogger::compile(log, sinks);
    ASSERT_TRUE(logger.has_value());
    (*logger)->log(context(), 0);
  }
  EXPECT_EQ(content(log.path), "last\n");
}

TEST_F(AccessLogTest, AFilterDecidesWhatIsLogged) {
  config::AccessLog log = to_file(folder_.file("a"), "%RESPONSE_CODE%\n");
  log.filter = std::make_unique<Filter>();
  log.filter->kind = Filter::Kind::kStatusCode;
  log.filter->comparison = Filter::Comparison::kGreaterOrEqual;
  log.filter->number = 500;
  auto logger = AccessLogger::compile(log, sinks_);
  ASSERT_TRUE(logger.has_value());
  for (int status : {200, 499, 500, 503}) {
    info_.response_code = status;
    (*logger)->log(context(), 0);
  }
  sinks_.flush();
  EXPECT_EQ(content(log.path), "500\n503\n");
}

TEST_F(AccessLogTest, NumbersAreComparedFourWays) {
  using Comparison = Filter::Comparison;
  for (auto [comparison, below, equal, above] :
       {std::tuple(Comparison::kEqual, false, true, false),
        std::tuple(Comparison::kNotEqual, true, false, true),
        std::tuple(Comparison::kGreaterOrEqual, false, true, true),
        std::tuple(Comparison::kLessOrEqual, true, true, false)}) {
    Filter filter;
    filter.kind = Filter::Kind::kDuration;
    filter.comparison = comparison;
    filter.number = 10;
    info_.times.start = Time(std::chrono::seconds(1));
    for (auto [millis, expected] :
         {std::pair(9, below), std::pair(10, equal), std::pair(11, above)}) {
      info_.times.end = info_.times.start + std::chrono::milliseconds(millis);
      EXPECT_EQ(passes(filter), expected) << millis;
    }
  }
}

TEST_F(AccessLogTest, FiltersLookAtHealthChecksHeadersFlagsAndChance) {
  Filter filter;
  filter.kind = Filter::Kind::kNotHealthCheck;
  EXPECT_TRUE(passes(filter));
  info_.health_check = true;
  EXPECT_FALSE(passes(filter));

  filter.kind = Filter::Kind::kHeader;
  filter.header.name = "x-a";
  EXPECT_FALSE(passes(filter));
  request_.headers.add("x-a", "1");
  EXPECT_TRUE(passes(filter));

  filter.kind = Filter::Kind::kResponseFlag;
  EXPECT_FALSE(passes(filter));
  info_.set_flag(ResponseFlag::kUpstreamOverflow);
  EXPECT_TRUE(passes(filter));
  filter.flags = {"UF", "UO"};
  EXPECT_TRUE(passes(filter));
  filter.flags = {"UF"};
  EXPECT_FALSE(passes(filter));

  filter.kind = Filter::Kind::kRuntime;
  filter.flags.clear();
  filter.fraction = {30, 100};
  EXPECT_TRUE(passes(filter, 129));
  EXPECT_FALSE(passes(filter, 130));

  filter.kind = Filter::Kind::kTraceable;
  EXPECT_FALSE(passes(filter));
  info_.trace_reason = TraceReason::kSampled;
  EXPECT_FALSE(passes(filter));
  info_.trace_reason = TraceReason::kForced;
  EXPECT_TRUE(passes(filter));
}

TEST_F(AccessLogTest, GrpcStatusFiltersTakeTheStatusOfAnyResponse) {
  Filter filter;
  filter.kind = Filter::Kind::kGrpcStatus;
  filter.grpc_statuses = {14};
  EXPECT_FALSE(passes(filter));
  info_.response_code = 503;
  EXPECT_TRUE(passes(filter));
  response_.headers.add("grpc-status", "0");
  EXPECT_FALSE(passes(filter));
  filter.exclude = true;
  EXPECT_TRUE(passes(filter));
}

TEST_F(AccessLogTest, FiltersCombine) {
  Filter no;
  no.kind = Filter::Kind::kTraceable;
  Filter yes;
  yes.kind = Filter::Kind::kNotHealthCheck;
  auto combine = [](Filter::Kind kind, const Filter& a, const Filter& b) {
    Filter filter;
    filter.kind = kind;
    filter.parts = {a, b};
    return filter;
  };
  EXPECT_TRUE(passes(combine(Filter::Kind::kAnd, yes, yes)));
  EXPECT_FALSE(passes(combine(Filter::Kind::kAnd, yes, no)));
  EXPECT_TRUE(passes(combine(Filter::Kind::kOr, no, yes)));
  EXPECT_FALSE(passes(combine(Filter::Kind::kOr, no, no)));
  EXPECT_TRUE(passes(combine(Filter::Kind::kAnd, combine(Filter::Kind::kOr, no, yes), yes)));
}

}  // namespace
}  // namespace pillion::proxy
