#include "sidecar/tls/context.h"

#include <algorithm>

#include "sidecar/tls/material.h"

namespace pillion::tls {

namespace {

void add_folder(const config::SecretSource& source, std::vector<std::string>& to) {
  if (source.kind != config::SecretSource::Kind::kFile) return;
  std::string folder = source.watched_directory;
  if (folder.empty()) {
    std::size_t slash = source.text.rfind('/');
    folder = slash == std::string::npos ? "." : slash == 0 ? "/" : source.text.substr(0, slash);
  }
  if (std::find(to.begin(), to.end(), folder) == to.end()) to.push_back(folder);
}

std::vector<std::string> folders_of(const config::CommonTls& source) {
  std::vector<std::string> folders;
  for (const config::TlsCertificate& certificate : source.certificates) {
    for (const auto* part : {&certificate.chain, &certificate.key, &certificate.password,
                             &certificate.pkcs12, &certificate.ocsp_staple})
      add_folder(*part, folders);
  }
  if (source.validation) {
    add_folder(source.validation->trusted_ca, folders);
    add_folder(source.validation->crl, folders);
    for (const config::TrustDomain& domain : source.validation->trust_domains)
      add_folder(domain.bundle, folders);
  }
  return folders;
}

std::vector<std::string> folders_of_server(const config::DownstreamTls& source) {
  std::vector<std::string> folders = folders_of(source);
  for (const config::SecretSource& key : source.ticket_keys) add_folder(key, folders);
  return folders;
}

}  // namespace

Context::Context(std::vector<std::string> folders, std::shared_ptr<const Material> material)
    : material_(std::move(material)), watched_(std::move(folders)) {}

Result<bool, Problem> Context::reload() {
  TRY(std::shared_ptr<const Material> loaded, load());
  // Sessions that may be resumed go with the old; not for nothing.
  if (loaded->fingerprint == material()->fingerprint) return false;
  std::lock_guard lock(mutex_);
  material_.swap(loaded);
  return true;
}

std::shared_ptr<const Material> Context::material() const {
  std::lock_guard lock(mutex_);
  return material_;
}

std::optional<int64_t> Context::first_expiry() const {
  return material()->first_expiry();
}

ServerContext::ServerContext(std::shared_ptr<const config::DownstreamTls> source,
                             CompileMatch compile_match, std::shared_ptr<const Material> material)
    : Context(folders_of_server(*source), std::move(material)),
      source_(std::move(source)),
      compile_match_(std::move(compile_match)) {}

Result<std::unique_ptr<ServerContext>, Problem> ServerContext::build(
    std::shared_ptr<const config::DownstreamTls> source, CompileMatch compile_match) {
  TRY(std::shared_ptr<const Material> material, load_server(*source, compile_match));
  return std::unique_ptr<ServerContext>(
      new ServerContext(std::move(source), std::move(compile_match), std::move(material)));
}

Context::Loaded ServerContext::load() const {
  return load_server(*source_, compile_match_);
}

std::unique_ptr<Session> ServerContext::make_session() const {
  return std::make_unique<Session>(material(), Role::kServer);
}

ClientContext::ClientContext(std::shared_ptr<const config::UpstreamTls> source,
                             CompileMatch compile_match, std::shared_ptr<const Material> material)
    : Context(folders_of(*source), std::move(material)),
      source_(std::move(source)),
      compile_match_(std::move(compile_match)) {}

Result<std::unique_ptr<ClientContext>, Problem> ClientContext::build(
    std::shared_ptr<const config::UpstreamTls> source, CompileMatch compile_match) {
  TRY(std::shared_ptr<const Material> material, load_client(*source, compile_match));
  return std::unique_ptr<ClientContext>(
      new ClientContext(std::move(source), std::move(compile_match), std::move(material)));
}

Context::Loaded ClientContext::load() const {
  return load_client(*source_, compile_match_);
}

std::unique_ptr<Session> ClientContext::make_session(std::string_view hostname,
                                                     ClientOptions options) const {
  if (options.sni.empty())
    options.sni = source_->auto_host_sni && !hostname.empty() ? hostname : source_->sni;
  return std::make_unique<Session>(material(), Role::kClient, std::move(options));
}

}  // namespace pillion::tls
