#pragma once
// TLS of one filter chain (ServerContext) or one cluster (ClientContext): makes sessions, and loads
// its secrets anew when their files change. Built and reloaded on the control thread; sessions are
// made by all workers. A session keeps what it was made with.

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/tls.h"
#include "sidecar/tls/compile_match.h"
#include "sidecar/tls/session.h"

namespace pillion::tls {

class Context {
 public:
  virtual ~Context() = default;
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  // Reads all secrets again; false when they are what they were. On a problem, which names the
  // secret, the old ones stay in use.
  Result<bool, Problem> reload();
  // Folders in which a change may be one of our secrets'; each once.
  [[nodiscard]] const std::vector<std::string>& watched_directories() const { return watched_; }
  // The earliest end of our certificates and of the trust anchors, in seconds since 1970.
  [[nodiscard]] std::optional<int64_t> first_expiry() const;

 protected:
  using Loaded = Result<std::shared_ptr<const Material>, Problem>;
  Context(std::vector<std::string> folders, std::shared_ptr<const Material> material);
  virtual Loaded load() const = 0;
  // A lock for each new connection costs nothing beside a handshake.
  [[nodiscard]] std::shared_ptr<const Material> material() const;

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Material> material_;
  std::vector<std::string> watched_;
};

class ServerContext final : public Context {
 public:
  static Result<std::unique_ptr<ServerContext>, Problem> build(
      std::shared_ptr<const config::DownstreamTls> source, CompileMatch compile_match);
  [[nodiscard]] std::unique_ptr<Session> make_session() const;

 private:
  ServerContext(std::shared_ptr<const config::DownstreamTls> source, CompileMatch compile_match,
                std::shared_ptr<const Material> material);
  Loaded load() const override;
  std::shared_ptr<const config::DownstreamTls> source_;
  CompileMatch compile_match_;
};

class ClientContext final : public Context {
 public:
  static Result<std::unique_ptr<ClientContext>, Problem> build(
      std::shared_ptr<const config::UpstreamTls> source, CompileMatch compile_match);
  // `hostname` is the endpoint's, for auto_host_sni. An SNI in `options` overrides the configured.
  [[nodiscard]] std::unique_ptr<Session> make_session(std::string_view hostname = {},
                                                      ClientOptions options = {}) const;

 private:
  ClientContext(std::shared_ptr<const config::UpstreamTls> source, CompileMatch compile_match,
                std::shared_ptr<const Material> material);
  Loaded load() const override;
  std::shared_ptr<const config::UpstreamTls> source_;
  CompileMatch compile_match_;
};

}  // namespace pillion::tls
