#include "sidecar/proxy/upstream_names.h"

#include <gtest/gtest.h>

namespace pillion::proxy {
namespace {

using upstream::TlsNames;

class UpstreamNames : public ::testing::Test {
 protected:
  TlsNames names(std::string_view authority) {
    head_.authority = authority;
    return upstream_names(settings_, head_);
  }
  UpstreamNames() { settings_.auto_sni = settings_.auto_san_validation = true; }
  BlockPool blocks_;
  Arena arena_{blocks_};
  http::RequestHead head_{arena_};
  config::UpstreamHttp settings_;
};

TEST_F(UpstreamNames, NothingIsSaidUnlessConfigured) {
  settings_ = {};
  EXPECT_TRUE(names("a.example").empty());
}

TEST_F(UpstreamNames, TheHostIsAskedForAndExpectedWithoutItsPort) {
  EXPECT_EQ(names("a.example"), (TlsNames{"a.example", "a.example"}));
  EXPECT_EQ(names("a.example:8443"), (TlsNames{"a.example", "a.example"}));
}

TEST_F(UpstreamNames, AnAddressIsExpectedAndNotAskedFor) {
  EXPECT_EQ(names("10.1.2.3:80"), (TlsNames{"", "10.1.2.3"}));
  EXPECT_EQ(names("[2001:db8::1]:80"), (TlsNames{"", "2001:db8::1"}));
  EXPECT_EQ(names("2001:db8::1"), (TlsNames{"", "2001:db8::1"}));
}

TEST_F(UpstreamNames, EachOptionStandsAlone) {
  settings_.auto_san_validation = false;
  EXPECT_EQ(names("a.example"), (TlsNames{"a.example", ""}));
  settings_.auto_san_validation = true;
  settings_.auto_sni = false;
  EXPECT_EQ(names("a.example"), (TlsNames{"", "a.example"}));
}

TEST_F(UpstreamNames, AHeaderTakesTheHostsPlaceWhereItHasAValue) {
  settings_.auto_sni_header = "x-sni";
  EXPECT_EQ(names("a.example").sni, "a.example");
  head_.headers.add("x-sni", "");
  EXPECT_EQ(names("a.example").sni, "a.example");
  head_.headers.set("x-sni", "b.example:1");
  EXPECT_EQ(names("a.example"), (TlsNames{"b.example", "b.example"}));
}

}  // namespace
}  // namespace pillion::proxy
