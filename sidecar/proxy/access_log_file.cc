#include "sidecar/proxy/access_log_file.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "sidecar/base/log.h"

namespace pillion::proxy {

namespace {

// The writer counts in the last worker's slot, which no worker has.
constexpr unsigned kWriterSlot = metrics::kMaxWorkers - 1;

int open_log(const std::string& path) {
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
}

// Whether open_log() would work, as far as can be told without it; errno says why not.
bool could_open(const std::string& path) {
  if (::access(path.c_str(), W_OK) == 0) return true;
  if (errno != ENOENT) return false;
  std::size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  return ::access(folder.c_str(), W_OK | X_OK) == 0;
}

}  // namespace

AccessLogFile::AccessLogFile(AccessLogSinks& sinks, std::string path, int fd)
    : sinks_(sinks), path_(std::move(path)), fd_(fd) {}

AccessLogFile::~AccessLogFile() {
  for (auto& slot : slots_) delete slot.load();
  if (!path_.empty() && fd_ >= 0) ::close(fd_);
}

void AccessLogFile::append(std::string_view line) {
  std::atomic<Slot*>& mine = slots_[metrics::this_worker()];
  Slot* slot = mine.load(std::memory_order_relaxed);
  if (slot == nullptr) {
    slot = new Slot;
    mine.store(slot, std::memory_order_release);
  }
  bool full = false;
  bool dropped = false;
  {
    std::lock_guard lock(slot->mutex);
    dropped = slot->lines.size() + line.size() > kMaxBuffered;
    if (!dropped) {
      bool below = slot->lines.size() < kFlushSize;
      slot->lines.append(line);
      full = below && slot->lines.size() >= kFlushSize;
    }
  }
  metrics::FilesystemStats& stats = sinks_.stats_.here();
  (dropped ? stats.write_failed : stats.write_buffered).add();
  if (full) sinks_.wake();
}

void AccessLogFile::write_out() {
  std::string lines;
  for (auto& entry : slots_) {
    Slot* slot = entry.load(std::memory_order_acquire);
    if (slot == nullptr) continue;
    {
      std::lock_guard lock(slot->mutex);
      if (slot->lines.empty()) continue;
      lines.swap(slot->lines);
    }
    metrics::FilesystemStats& stats = sinks_.stats_.here();
    std::string_view rest = lines;
    while (!rest.empty()) {
      ssize_t n = fd_ >= 0 ? ::write(fd_, rest.data(), rest.size()) : -1;
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        stats.write_failed.add();
        if (!std::exchange(failing_, true))
          log::error("access_log", "cannot write to {}: {}; lines are lost until it works again",
                     path_, std::strerror(errno));
        break;
      }
      failing_ = false;
      stats.write_completed.add();
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    lines.clear();
  }
}

void AccessLogFile::reopen() {
  if (path_.empty()) return;
  int fd = open_log(path_);
  if (fd < 0) {
    sinks_.stats_.here().reopen_failed.add();
    log::error("access_log", "cannot open {} again: {}; the old file stays in use", path_,
               std::strerror(errno));
    return;
  }
  ::close(std::exchange(fd_, fd));
}

AccessLogSinks::AccessLogSinks(metrics::Registry& registry,
                               std::chrono::milliseconds flush_interval, Files files)
    : interval_(flush_interval),
      mode_(files),
      stats_(registry, metrics::filesystem_scope()),
      writer_([this] { run(); }) {}

AccessLogSinks::~AccessLogSinks() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  writer_.join();
}

Result<std::shared_ptr<AccessLogFile>, Problem> AccessLogSinks::file(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (auto it = files_.find(path); it != files_.end()) return it->second;
  int fd = mode_ == Files::kOpen ? open_log(path) : -1;
  if (mode_ == Files::kOpen ? fd < 0 : !could_open(path))
    return problem("cannot open access log '" + path + "' for appending: " + std::strerror(errno));
  auto opened = std::make_shared<AccessLogFile>(*this, path, fd);
  files_.emplace(path, opened);
  return opened;
}

std::shared_ptr<AccessLogFile> AccessLogSinks::standard(int fd) {
  std::lock_guard lock(mutex_);
  auto& file = files_["fd:" + std::to_string(fd)];
  if (file == nullptr) file = std::make_shared<AccessLogFile>(*this, "", fd);
  return file;
}

std::vector<std::shared_ptr<AccessLogFile>> AccessLogSinks::all() {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<AccessLogFile>> out;
  for (auto& [path, file] : files_) out.push_back(file);
  return out;
}

void AccessLogSinks::wake() {
  {
    std::lock_guard lock(mutex_);
    wanted_ = true;
  }
  changed_.notify_all();
}

void AccessLogSinks::reopen() {
  {
    std::lock_guard lock(mutex_);
    reopen_ = true;
  }
  flush();
}

void AccessLogSinks::flush() {
  std::unique_lock lock(mutex_);
  // The round at hand may have begun before the caller's lines; the one after it has not.
  uint64_t needed = begun_ + 1;
  wanted_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return ended_ >= needed; });
}

void AccessLogSinks::run() {
  pthread_setname_np(pthread_self(), "access_log");
  metrics::set_this_worker(kWriterSlot);
  for (bool last = false; !last;) {
    bool reopen = false;
    {
      std::unique_lock lock(mutex_);
      bool asked = changed_.wait_for(lock, interval_, [this] { return wanted_ || stop_; });
      if (!asked && !files_.empty()) stats_.here().flushed_by_timer.add();
      last = stop_;
      reopen = std::exchange(reopen_, false);
      wanted_ = false;
      ++begun_;
    }
    for (const auto& file : all()) {
      file->write_out();
      if (reopen) file->reopen();
    }
    {
      std::lock_guard lock(mutex_);
      ++ended_;
    }
    changed_.notify_all();
  }
}

}  // namespace pillion::proxy
