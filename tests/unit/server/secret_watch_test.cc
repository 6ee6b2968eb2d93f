// Secrets in files that change: as Kubernetes swaps folders, one file after the other, and badly.

#include "sidecar/server/secret_watch.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sidecar/metrics/registry.h"
#include "tests/unit/tls/pair.h"

namespace pillion::server {
namespace {

using namespace std::chrono_literals;

struct SecretWatchTest : testing::Test {
  SecretWatchTest() {
    std::string pattern = testing::TempDir() + "pillion-watch-XXXXXX";
    folder = ::mkdtemp(pattern.data());
  }
  ~SecretWatchTest() override { std::filesystem::remove_all(folder); }

  static void write(const std::string& path, const std::string& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  tls::Issued leaf(const std::string& name) {
    return plain.authority.leaf({.common_name = name, .sans = "DNS:server.test"});
  }
  // A new folder with a pair of files, and "..data" pointed at it, in one step.
  void mount(const std::string& name, const std::string& certificate, const std::string& key) {
    std::string data = folder + "/.." + name;
    std::filesystem::create_directory(data);
    write(data + "/tls.crt", certificate);
    write(data + "/tls.key", key);
    std::filesystem::create_symlink(".." + name, folder + "/..data_tmp");
    std::filesystem::rename(folder + "/..data_tmp", folder + "/..data");
  }
  void use(const std::string& certificate, const std::string& key) {
    plain.downstream.certificates.front().chain = tls::file_secret(certificate);
    plain.downstream.certificates.front().key = tls::file_secret(key);
    context = std::shared_ptr<tls::ServerContext>(tls::server_context(plain.downstream));
    contexts.add(context);
    watch = std::make_unique<SecretWatch>(loop, registry, contexts);
  }
  void settle() {
    for (int i = 0; i < 5; ++i) loop.run_once();
    clock.advance(3s);
    for (int i = 0; i < 5; ++i) loop.run_once();
  }
  std::string serves() {
    auto client = tls::client_context(plain.upstream);
    tls::Pair pair = tls::pair_of(*client, *context);
    EXPECT_TRUE(pair.shake().established());
    return pair.client->peer()->subject;
  }
  int64_t stat(const std::string& name) {
    int64_t found = 0;
    for (const metrics::Subject& subject : registry.snapshot()) {
      subject.tally.for_each([&](const metrics::Reading& reading) {
        std::string full = subject.name + ".";
        reading.append_name(full);
        if (full == "server.tls_secrets." + name) found = static_cast<int64_t>(reading.value);
      });
    }
    return found;
  }

  tls::Plain plain;
  std::string folder;
  io::ManualClock clock;
  io::EventLoop loop{&clock};
  metrics::Registry registry;
  tls::ContextList contexts;
  std::shared_ptr<tls::ServerContext> context;
  std::unique_ptr<SecretWatch> watch;
};

TEST_F(SecretWatchTest, BadSecretsLeaveTheOldOnesServing) {
  tls::Issued first = leaf("first");
  write(folder + "/c.pem", first.pem());
  write(folder + "/k.pem", first.key_pem());
  use(folder + "/c.pem", folder + "/k.pem");
  write(folder + "/c.pem", "garbage");
  settle();
  EXPECT_EQ(serves(), "CN=first");
  EXPECT_GE(stat("reload_failed"), 1);
  EXPECT_EQ(stat("stale"), 1);
  std::filesystem::remove(folder + "/c.pem");
  settle();
  EXPECT_EQ(serves(), "CN=first");
}

TEST_F(SecretWatchTest, AFolderThatIsSwappedIsReadAsAWhole) {
  tls::Issued first = leaf("first");
  mount("one", first.pem(), first.key_pem());
  std::filesystem::create_symlink("..data/tls.crt", folder + "/tls.crt");
  std::filesystem::create_symlink("..data/tls.key", folder + "/tls.key");
  use(folder + "/tls.crt", folder + "/tls.key");
  EXPECT_EQ(serves(), "CN=first");
  tls::Issued second = leaf("second");
  mount("two", second.pem(), second.key_pem());
  settle();
  EXPECT_EQ(serves(), "CN=second");
  EXPECT_EQ(stat("reload_success"), 1);
  // And once more, since the watch has to outlive a swap.
  tls::Issued third = leaf("third");
  mount("three", third.pem(), third.key_pem());
  settle();
  EXPECT_EQ(serves(), "CN=third");
  EXPECT_EQ(stat("stale"), 0);
}

TEST_F(SecretWatchTest, FilesWrittenOneAfterTheOtherAreReadTogether) {
  tls::Issued first = leaf("first");
  write(folder + "/c.pem", first.pem());
  write(folder + "/k.pem", first.key_pem());
  use(folder + "/c.pem", folder + "/k.pem");
  tls::Issued second = leaf("second");
  write(folder + "/c.pem", second.pem());
  for (int i = 0; i < 3; ++i) loop.run_once();
  write(folder + "/k.pem", second.key_pem());
  settle();
  EXPECT_EQ(serves(), "CN=second");
  EXPECT_EQ(stat("reload_failed"), 0);
}

TEST_F(SecretWatchTest, TheSameContentReloadsNothing) {
  tls::Issued first = leaf("first");
  write(folder + "/c.pem", first.pem());
  write(folder + "/k.pem", first.key_pem());
  use(folder + "/c.pem", folder + "/k.pem");
  write(folder + "/k.pem", first.key_pem());
  settle();
  EXPECT_EQ(stat("reload_success"), 0);
  EXPECT_EQ(stat("reload_unchanged"), 1);
}

TEST_F(SecretWatchTest, ContextsThatComeLaterAreWatchedToo) {
  watch = std::make_unique<SecretWatch>(loop, registry, contexts);
  tls::Issued first = leaf("first");
  write(folder + "/c.pem", first.pem());
  write(folder + "/k.pem", first.key_pem());
  plain.downstream.certificates.front().chain = tls::file_secret(folder + "/c.pem");
  plain.downstream.certificates.front().key = tls::file_secret(folder + "/k.pem");
  context = std::shared_ptr<tls::ServerContext>(tls::server_context(plain.downstream));
  contexts.add(context);
  settle();
  tls::Issued second = leaf("second");
  write(folder + "/c.pem", second.pem());
  write(folder + "/k.pem", second.key_pem());
  settle();
  EXPECT_EQ(serves(), "CN=second");
}

TEST_F(SecretWatchTest, TellsTheDaysUntilTheFirstEnd) {
  // Days that have begun do not count.
  WallTime now = std::chrono::system_clock::now() + 1h;
  EXPECT_EQ(SecretWatch::days_until_expiry(contexts, now), std::nullopt);
  plain.downstream.certificates = {tls::certificate_of(plain.authority.leaf({.to_days = 3}))};
  context = std::shared_ptr<tls::ServerContext>(tls::server_context(plain.downstream));
  contexts.add(context);
  EXPECT_EQ(SecretWatch::days_until_expiry(contexts, now), 2);
  EXPECT_EQ(SecretWatch::days_until_expiry(contexts, now + 24h * 90), 0);
  context.reset();
  EXPECT_EQ(SecretWatch::days_until_expiry(contexts, now), std::nullopt);
}

}  // namespace
}  // namespace pillion::server
