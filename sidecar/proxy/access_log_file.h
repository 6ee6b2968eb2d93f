#pragma once
// Where access-log lines go: each worker appends to a buffer of its own, one thread writes them
// out, so that a slow or full disk never holds up a request. Shared by all workers; owned by the
// server.

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/metrics/metrics.h"
#include "sidecar/metrics/server_stats.h"

namespace pillion::proxy {

class AccessLogSinks;

// One file (or standard stream), opened for appending.
class AccessLogFile {
 public:
  AccessLogFile(AccessLogSinks& sinks, std::string path, int fd);
  ~AccessLogFile();
  AccessLogFile(const AccessLogFile&) = delete;
  AccessLogFile& operator=(const AccessLogFile&) = delete;
  // From a worker. Lines are dropped, and counted, while the worker's buffer is full because the
  // file does not take them.
  void append(std::string_view line);

 private:
  friend class AccessLogSinks;
  static constexpr std::size_t kFlushSize = 64 * 1024;
  static constexpr std::size_t kMaxBuffered = 4 * 1024 * 1024;
  struct Slot {
    std::mutex mutex;  // held by the worker for an append, by the writer for a swap
    std::string lines;
  };
  // Both run on the writer's thread.
  void write_out();
  void reopen();

  AccessLogSinks& sinks_;
  std::string path_;  // empty for a standard stream
  int fd_;
  bool failing_ = false;
  std::array<std::atomic<Slot*>, metrics::kMaxWorkers> slots_{};
};

class AccessLogSinks {
 public:
  // kCheck: files are neither made nor opened, only looked at; for --mode validate.
  enum class Files : uint8_t { kOpen, kCheck };
  // Lines are written when 64 KiB have gathered, and at least this often.
  AccessLogSinks(metrics::Registry& registry, std::chrono::milliseconds flush_interval,
                 Files files = Files::kOpen);
  ~AccessLogSinks();
  AccessLogSinks(const AccessLogSinks&) = delete;
  AccessLogSinks& operator=(const AccessLogSinks&) = delete;

  // One file per path, however many loggers name it. Problem names the path and the cause.
  Result<std::shared_ptr<AccessLogFile>, Problem> file(const std::string& path);
  std::shared_ptr<AccessLogFile> standard(int fd);
  // Opens every file anew (after a rotation) and writes what is waiting.
  void reopen();
  // Writes all that is waiting before it returns.
  void flush();

 private:
  friend class AccessLogFile;
  void run();
  void wake();
  std::vector<std::shared_ptr<AccessLogFile>> all();

  const std::chrono::milliseconds interval_;
  const Files mode_;
  metrics::PerWorker<metrics::FilesystemStats> stats_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, std::shared_ptr<AccessLogFile>> files_;
  bool wanted_ = false;
  bool reopen_ = false;
  bool stop_ = false;
  uint64_t begun_ = 0;  // rounds of writing
  uint64_t ended_ = 0;
  std::thread writer_;
};

}  // namespace pillion::proxy
