#include "sidecar/tls/secret_loader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace pillion::tls {

namespace {

// Closes on every way out.
struct OpenFile {
  explicit OpenFile(const std::string& path) : fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~OpenFile() {
    if (fd >= 0) ::close(fd);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  int fd;
};

std::string reason(int error) {
  return std::string("cannot be read: ") + std::strerror(error);
}

Result<Secret, Problem> read_file(const config::SecretSource& source, const std::string& what) {
  OpenFile file(source.text);
  struct stat facts {};
  if (file.fd < 0 || ::fstat(file.fd, &facts) != 0) return bad_secret(source, what, reason(errno));
  if (!S_ISREG(facts.st_mode)) return bad_secret(source, what, "is not a file");
  if (static_cast<std::size_t>(facts.st_size) > kMaxSecretSize)
    return bad_secret(source, what, "is larger than " + std::to_string(kMaxSecretSize) + " bytes");
  Secret content(static_cast<std::size_t>(facts.st_size));
  std::size_t have = 0;
  while (have < content.size()) {
    ssize_t n = ::read(file.fd, content.data() + have, content.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return bad_secret(source, what, reason(errno));
    if (n == 0) return bad_secret(source, what, "changed while it was read");
    have += static_cast<std::size_t>(n);
  }
  return content;
}

}  // namespace

std::string place_of(const config::SecretSource& source) {
  switch (source.kind) {
    case config::SecretSource::Kind::kFile:
      return "file " + source.text;
    case config::SecretSource::Kind::kEnvironment:
      return "environment variable " + source.text;
    case config::SecretSource::Kind::kInline:
    case config::SecretSource::Kind::kNone:
      break;
  }
  return "inline data";
}

Unexpected<Problem> bad_secret(const config::SecretSource& source, const std::string& what,
                               const std::string& why) {
  return problem(what + " (" + place_of(source) + "): " + why);
}

Result<Secret, Problem> load_secret(const config::SecretSource& source, const std::string& what) {
  Secret content;
  if (source.kind == config::SecretSource::Kind::kInline) {
    content = source.bytes;
  } else if (source.kind == config::SecretSource::Kind::kEnvironment) {
    const char* value = std::getenv(source.text.c_str());
    if (value == nullptr) return bad_secret(source, what, "is not set");
    content = Secret(std::string_view(value));
  } else if (source.kind == config::SecretSource::Kind::kFile) {
    TRY(content, read_file(source, what));
  }
  if (content.empty()) return bad_secret(source, what, "is empty");
  return content;
}

}  // namespace pillion::tls
