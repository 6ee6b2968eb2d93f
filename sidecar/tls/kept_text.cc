#include "sidecar/tls/kept_text.h"

#include <mutex>
#include <string>
#include <unordered_set>

#include "sidecar/base/hash.h"

namespace pillion::tls {

namespace {
constexpr std::size_t kMaxTexts = 256;
constexpr std::size_t kMaxLength = 1024;
}  // namespace

const char* kept_text(std::string_view text) {
  static std::mutex mutex;
  static std::unordered_set<std::string, StringHash, std::equal_to<>> texts;
  text = text.substr(0, kMaxLength);
  std::lock_guard lock(mutex);
  // Elements of a node-based set never move.
  if (auto found = texts.find(text); found != texts.end()) return found->c_str();
  if (texts.size() >= kMaxTexts) return "TLS_error:TLS_error_end";
  return texts.emplace(text).first->c_str();
}

}  // namespace pillion::tls
