// Secrets that cannot be used: each problem names the secret, where it is and why.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pkcs8.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/unit/tls/pair.h"

namespace pillion::tls {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string problem_of(const config::DownstreamTls& source) {
  auto built = ServerContext::build(std::make_shared<config::DownstreamTls>(source), compile_match);
  return built ? "" : built.error().message;
}

std::string problem_of(const config::UpstreamTls& source) {
  auto built = ClientContext::build(std::make_shared<config::UpstreamTls>(source), compile_match);
  return built ? "" : built.error().message;
}

struct TlsLoading : testing::Test {
  Plain plain;
  std::string folder;
  TlsLoading() {
    std::string pattern = testing::TempDir() + "pillion-tls-XXXXXX";
    folder = ::mkdtemp(pattern.data());
  }
  ~TlsLoading() override { std::filesystem::remove_all(folder); }
  std::string file(const std::string& name, const std::string& content) const {
    std::string path = folder + "/" + name;
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
};

TEST_F(TlsLoading, AMissingFileIsNamed) {
  plain.downstream.certificates.front().name = "server";
  plain.downstream.certificates.front().chain = file_secret(folder + "/none.pem");
  EXPECT_EQ(problem_of(plain.downstream), "certificate of secret 'server' (file " + folder +
                                              "/none.pem): cannot be read: No such file or "
                                              "directory");
  plain.upstream.validation->trusted_ca = file_secret(folder);
  EXPECT_EQ(problem_of(plain.upstream), "trusted CA (file " + folder + "): is not a file");
}

TEST_F(TlsLoading, AnEmptyOrHugeSecretIsRefused) {
  plain.downstream.certificates.front().key = file_secret(file("empty.pem", ""));
  EXPECT_THAT(problem_of(plain.downstream), HasSubstr("empty.pem): is empty"));
  plain.downstream.certificates.front().key =
      file_secret(file("huge.pem", std::string(2 << 20, 'a')));
  EXPECT_THAT(problem_of(plain.downstream), HasSubstr("is larger than 1048576 bytes"));
}

TEST_F(TlsLoading, AVariableThatIsNotSetIsNamed) {
  config::SecretSource& key = plain.downstream.certificates.front().key;
  key.kind = config::SecretSource::Kind::kEnvironment;
  key.text = "PILLION_TEST_KEY";
  EXPECT_EQ(problem_of(plain.downstream),
            "private key (environment variable PILLION_TEST_KEY): is not set");
  ::setenv("PILLION_TEST_KEY", plain.server_leaf.key_pem().c_str(), 1);
  EXPECT_EQ(problem_of(plain.downstream), "");
  ::unsetenv("PILLION_TEST_KEY");
}

TEST_F(TlsLoading, AnExpiredCertificateIsRefused) {
  plain.downstream.certificates = {
      certificate_of(plain.authority.leaf({.from_days = -9, .to_days = -2}))};
  EXPECT_EQ(problem_of(plain.downstream), "certificate (inline data): has expired");
}

TEST_F(TlsLoading, AnExpiredAuthorityIsRefusedUnlessThereAreOthers) {
  Issued old = issue({.authority = true, .from_days = -9, .to_days = -2}, nullptr);
  plain.upstream.validation->trusted_ca = inline_secret(old.pem());
  EXPECT_EQ(problem_of(plain.upstream), "trusted CA (inline data): has expired");
  plain.upstream.validation->trusted_ca = inline_secret(old.pem() + plain.authority.pem());
  EXPECT_EQ(problem_of(plain.upstream), "");
}

TEST_F(TlsLoading, AKeyOfAnotherCertificateIsRefused) {
  plain.downstream.certificates.front().chain =
      file_secret(file("cert.pem", plain.client_leaf.pem()));
  plain.downstream.certificates.front().key =
      file_secret(file("key.pem", plain.server_leaf.key_pem()));
  EXPECT_EQ(problem_of(plain.downstream),
            "private key (file " + folder + "/key.pem): does not belong to the certificate (file " +
                folder + "/cert.pem)");
}

TEST_F(TlsLoading, ABadKeyIsRefusedWithoutShowingIt) {
  std::string key = plain.server_leaf.key_pem();
  key.replace(key.find('\n') + 5, 10, "0123456789");
  plain.downstream.certificates.front().key = inline_secret(key);
  EXPECT_THAT(problem_of(plain.downstream),
              AllOf(HasSubstr("private key (inline data): "), Not(HasSubstr("0123456789"))));
  plain.downstream.certificates.front().key = inline_secret("no PEM at all");
  EXPECT_THAT(problem_of(plain.downstream), HasSubstr("NO_START_LINE"));
}

TEST_F(TlsLoading, WeakAndUnknownKeysAreRefused) {
  plain.downstream.certificates = {
      certificate_of(plain.authority.leaf({.key = CertificateSpec::Key::kWeakRsa}))};
  EXPECT_EQ(problem_of(plain.downstream),
            "private key (inline data): is an RSA key of fewer than 2048 bits");
  plain.downstream.certificates = {
      certificate_of(plain.authority.leaf({.key = CertificateSpec::Key::kEd25519}))};
  EXPECT_EQ(problem_of(plain.downstream),
            "private key (inline data): is neither an RSA nor an ECDSA key");
}

TEST_F(TlsLoading, AnEncryptedKeyNeedsItsPassword) {
  config::TlsCertificate& certificate = plain.downstream.certificates.front();
  certificate.key = inline_secret(plain.server_leaf.key_pem("open sesame"));
  EXPECT_THAT(problem_of(plain.downstream), HasSubstr("is encrypted and there is no password"));
  certificate.password = inline_secret("close sesame");
  EXPECT_THAT(problem_of(plain.downstream), HasSubstr("private key (inline data)"));
  certificate.password = inline_secret("open sesame");
  EXPECT_EQ(problem_of(plain.downstream), "");
}

TEST_F(TlsLoading, Pkcs12HoldsBothParts) {
  bssl::UniquePtr<PKCS12> pack(PKCS12_create("pw", "name", plain.server_leaf.key.get(),
                                             plain.server_leaf.certificate.get(), nullptr, 0, 0, 0,
                                             0, 0));
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  i2d_PKCS12_bio(bio.get(), pack.get());
  config::TlsCertificate certificate;
  certificate.pkcs12 = inline_secret(Issued::text(bio.get()));
  plain.downstream.certificates = {certificate};
  EXPECT_THAT(problem_of(plain.downstream), HasSubstr("PKCS #12 (inline data): "));
  plain.downstream.certificates.front().password = inline_secret("pw");
  EXPECT_TRUE(plain.shake().established());
}

TEST_F(TlsLoading, BundlesWithoutWhatTheyShouldHoldAreRefused) {
  plain.upstream.validation->trusted_ca = inline_secret("nothing");
  EXPECT_THAT(problem_of(plain.upstream), HasSubstr("trusted CA (inline data)"));
  plain.upstream.validation = trusting(plain.authority);
  plain.upstream.validation->crl = inline_secret(plain.authority.pem());
  EXPECT_THAT(problem_of(plain.upstream), HasSubstr("holds no PEM certificate revocation list"));
}

TEST_F(TlsLoading, UnknownParametersAreNamed) {
  plain.upstream.parameters.ciphers = "NO-SUCH-CIPHER";
  EXPECT_THAT(problem_of(plain.upstream), HasSubstr("cipher_suites: 'NO-SUCH-CIPHER'"));
  plain.downstream.parameters.curves = "P-257";
  EXPECT_THAT(problem_of(plain.downstream), HasSubstr("ecdh_curves: 'P-257'"));
  plain.downstream.parameters.curves.clear();
  plain.downstream.parameters.signature_algorithms = "rot13";
  EXPECT_THAT(problem_of(plain.downstream), HasSubstr("signature_algorithms: 'rot13'"));
}

TEST_F(TlsLoading, AFailedReloadKeepsTheOldOnesServing) {
  plain.downstream.certificates.front().chain =
      file_secret(file("cert.pem", plain.server_leaf.pem()));
  plain.downstream.certificates.front().key =
      file_secret(file("key.pem", plain.server_leaf.key_pem()));
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  EXPECT_THAT(server->watched_directories(), testing::ElementsAre(folder));
  Issued next = plain.authority.leaf({.common_name = "next", .sans = "DNS:server.test"});
  file("cert.pem", next.pem());
  auto reloaded = server->reload();
  ASSERT_FALSE(reloaded);
  EXPECT_THAT(reloaded.error().message, HasSubstr("does not belong to the certificate"));
  Pair pair = pair_of(*client, *server);
  EXPECT_TRUE(pair.shake().established());
  EXPECT_EQ(pair.client->peer()->subject, "CN=server");
  file("key.pem", next.key_pem());
  reloaded = server->reload();
  ASSERT_TRUE(reloaded);
  EXPECT_TRUE(*reloaded);
  pair = pair_of(*client, *server);
  EXPECT_TRUE(pair.shake().established());
  EXPECT_EQ(pair.client->peer()->subject, "CN=next");
}

TEST_F(TlsLoading, ASessionOutlivesTheContextThatMadeIt) {
  auto server = server_context(plain.downstream);
  auto client = client_context(plain.upstream);
  Pair pair = pair_of(*client, *server);
  server.reset();
  client.reset();
  EXPECT_TRUE(pair.shake().established());
}

TEST_F(TlsLoading, TheFirstToExpireCounts) {
  plain.downstream.certificates = {certificate_of(plain.authority.leaf({.to_days = 3}))};
  plain.downstream.validation = trusting(plain.authority);
  auto days = (*server_context(plain.downstream)->first_expiry() - std::time(nullptr)) / 86400;
  EXPECT_GE(days, 2);
  EXPECT_LE(days, 3);
}

TEST_F(TlsLoading, AClientHasOneCertificateAtMost) {
  plain.upstream.certificates = {certificate_of(plain.client_leaf),
                                 certificate_of(plain.server_leaf)};
  EXPECT_EQ(problem_of(plain.upstream), "a client can have one certificate only");
}

TEST_F(TlsLoading, NamesAreCheckedOnlyAgainstTrustedChains) {
  plain.upstream.validation.reset();
  plain.upstream.auto_sni_san_validation = true;
  EXPECT_THAT(problem_of(plain.upstream), HasSubstr("needs a trusted_ca"));
}

}  // namespace
}  // namespace pillion::tls
