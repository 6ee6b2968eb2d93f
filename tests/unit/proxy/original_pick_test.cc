#include "sidecar/proxy/original_pick.h"

#include <gtest/gtest.h>

#include "sidecar/base/arena.h"

namespace pillion::proxy {
namespace {

class OriginalPick : public ::testing::Test {
 protected:
  OriginalPick() { cluster_.original_dst = std::make_unique<config::OriginalDst>(); }

  std::string pick() {
    auto found = original_of(cluster_, {restored_ ? &*restored_ : nullptr, &head_, &metadata_});
    return found ? found->to_string() : "none";
  }

  BlockPool blocks_;
  Arena arena_{blocks_};
  http::RequestHead head_{arena_};
  config::Cluster cluster_;
  config::Metadata metadata_;
  std::optional<Address> restored_ = *Address::parse_ip("10.0.0.1", 80);
};

TEST_F(OriginalPick, ClustersOfAnotherTypeHaveNone) {
  cluster_.original_dst.reset();
  EXPECT_EQ(pick(), "none");
}

TEST_F(OriginalPick, TheConnectionSaysIt) {
  EXPECT_EQ(pick(), "10.0.0.1:80");
  restored_.reset();
  EXPECT_EQ(pick(), "none") << "it was not redirected";
}

TEST_F(OriginalPick, AHeaderGoesBeforeTheConnection) {
  cluster_.original_dst->header = "x-to";
  EXPECT_EQ(pick(), "10.0.0.1:80");
  head_.headers.add("x-to", "[fd00::1]:81");
  EXPECT_EQ(pick(), "[fd00::1]:81");
}

TEST_F(OriginalPick, AHeaderThatIsNoAddressIsNotPassedOver) {
  cluster_.original_dst->header = "x-to";
  for (const char* wrong :
       {"", "10.0.0.1", "10.0.0.1:", "10.0.0.1:x", "host:80", "10.0.0.1:70000"}) {
    http::RequestHead head(arena_);
    head.headers.add("x-to", wrong);
    EXPECT_FALSE(original_of(cluster_, {&*restored_, &head, nullptr}).has_value()) << wrong;
  }
}

TEST_F(OriginalPick, MetadataGoesFirst) {
  cluster_.original_dst->header = "x-to";
  cluster_.original_dst->metadata_namespace = "ns";
  cluster_.original_dst->metadata_path = {"to"};
  head_.headers.add("x-to", "10.0.0.3:83");
  config::Value::Object fields;
  fields["to"].data = std::string("10.0.0.2:82");
  metadata_["ns"].data = fields;
  EXPECT_EQ(pick(), "10.0.0.2:82");
  metadata_.clear();
  EXPECT_EQ(pick(), "10.0.0.3:83");
}

TEST_F(OriginalPick, ThePortCanBeReplaced) {
  cluster_.original_dst->port = 9090;
  EXPECT_EQ(pick(), "10.0.0.1:9090");
}

}  // namespace
}  // namespace pillion::proxy
