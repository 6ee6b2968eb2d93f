#pragma once
// All TLS contexts in use, so that somebody can reload them when their files change and see which
// certificate ends first. A context that nobody uses any more leaves by itself. Any thread.

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "sidecar/tls/context.h"

namespace pillion::tls {

class ContextList {
 public:
  void add(const std::shared_ptr<Context>& context) {
    std::lock_guard lock(mutex_);
    std::erase_if(contexts_, [](const auto& held) { return held.expired(); });
    contexts_.push_back(context);
    ++version_;
  }
  [[nodiscard]] std::vector<std::shared_ptr<Context>> live() const {
    std::vector<std::shared_ptr<Context>> live;
    std::lock_guard lock(mutex_);
    for (const auto& held : contexts_)
      if (auto context = held.lock()) live.push_back(std::move(context));
    return live;
  }
  // Grows with each add().
  [[nodiscard]] uint64_t version() const {
    std::lock_guard lock(mutex_);
    return version_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::weak_ptr<Context>> contexts_;
  uint64_t version_ = 0;
};

}  // namespace pillion::tls
