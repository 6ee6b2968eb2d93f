#include "sidecar/server/secret_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "sidecar/base/log.h"

namespace pillion::server {

namespace {

using namespace std::chrono_literals;

// New contexts come when a cluster is used for the first time.
constexpr Duration kLookEvery = 1s;
// Files of one secret are written one after the other; a swap of folders takes two steps.
constexpr Duration kSettle = 100ms;
// What could not be loaded is tried again, once: a slow writer may have been in the middle.
constexpr Duration kTryAgain = 2s;

constexpr uint32_t kEvents = IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF |
                             IN_MOVE_SELF | IN_ATTRIB | IN_ONLYDIR;

}  // namespace

SecretWatch::SecretWatch(io::EventLoop& loop, metrics::Registry& registry,
                         const tls::ContextList& contexts)
    : loop_(loop),
      contexts_(contexts),
      stats_(registry, metrics::secret_scope()),
      look_timer_(io::Timer::of<&SecretWatch::look_for_contexts>(loop.timers(), *this)),
      reload_timer_(io::Timer::of<&SecretWatch::reload_changed>(loop.timers(), *this)) {
  look_for_contexts();
}

void SecretWatch::look_for_contexts() {
  look_timer_.arm(kLookEvery);
  const uint64_t version = contexts_.version();
  if (version == seen_version_) return;
  seen_version_ = version;
  watch_folders();
}

void SecretWatch::watch_folders() {
  std::set<std::string, std::less<>> wanted;
  for (const auto& context : contexts_.live())
    wanted.insert(context->watched_directories().begin(), context->watched_directories().end());
  for (const auto& [number, folder] : folders_) wanted.erase(folder);
  if (wanted.empty()) return;
  if (!notify_.open()) {
    notify_ = net::Fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
    if (!notify_.open()) {
      log::warning("config", "files cannot be watched: {}", std::strerror(errno));
      return;
    }
    poll_.emplace(loop_, notify_.number(), *this);
    poll_->watch(io::kReadable);
  }
  for (const std::string& folder : wanted) {
    const int number = ::inotify_add_watch(notify_.number(), folder.c_str(), kEvents);
    if (number < 0)
      log::warning("config", "{} cannot be watched: {}", folder, std::strerror(errno));
    else
      folders_[number] = folder;
  }
  stats_.here().watched_folders.set(static_cast<int64_t>(folders_.size()));
}

void SecretWatch::on_ready(unsigned) {
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    const ssize_t n = ::read(notify_.number(), buffer, sizeof(buffer));
    if (n <= 0) break;
    for (ssize_t at = 0; at < n;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
      auto found = folders_.find(event->wd);
      if (found == folders_.end()) continue;
      changed_.insert(found->second);
      // A folder that is gone is watched anew as soon as there is one of its name.
      if ((event->mask & IN_IGNORED) != 0) {
        folders_.erase(found);
        seen_version_ = 0;
      }
    }
  }
  if (!changed_.empty()) reload_timer_.arm(kSettle);
}

void SecretWatch::reload_changed() {
  metrics::SecretStats& stats = stats_.here();
  int64_t stale = 0;
  for (const auto& context : contexts_.live()) {
    const auto& folders = context->watched_directories();
    const bool concerned = std::any_of(folders.begin(), folders.end(), [&](const auto& folder) {
      return changed_.contains(folder);
    });
    if (!concerned) continue;
    auto reloaded = context->reload();
    if (!reloaded) {
      ++stale;
      stats.reload_failed.add();
      log::error("config", "new secrets are not used, the old ones stay: {}",
                 reloaded.error().message);
    } else if (*reloaded) {
      stats.reload_success.add();
      log::info("config", "secrets in {} were loaded anew", folders.front());
    } else {
      stats.reload_unchanged.add();
    }
  }
  stats.stale.set(stale);
  if (stale != 0 && !std::exchange(failed_before_, true)) {
    reload_timer_.arm(kTryAgain);
    return;
  }
  failed_before_ = false;
  changed_.clear();
}

std::optional<int64_t> SecretWatch::days_until_expiry(const tls::ContextList& contexts,
                                                      WallTime now) {
  std::optional<int64_t> first;
  for (const auto& context : contexts.live()) {
    if (auto end = context->first_expiry(); end) first = std::min(first.value_or(*end), *end);
  }
  if (!first) return {};
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
  return std::max<int64_t>(0, (*first - seconds) / 86400);
}

}  // namespace pillion::server
