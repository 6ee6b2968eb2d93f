#include <gtest/gtest.h>

#include "sidecar/config/bootstrap.h"

// There may be ten thousand of each of these; what few of them use hangs behind a pointer.
namespace pillion::config {
namespace {

TEST(ConfigSize, ARouteStaysSmall) {
  EXPECT_LE(sizeof(Route), 560u);
}
TEST(ConfigSize, AVirtualHostStaysSmall) {
  EXPECT_LE(sizeof(VirtualHost), 256u);
}
TEST(ConfigSize, AClusterStaysSmall) {
  EXPECT_LE(sizeof(Cluster), 320u);
}
TEST(ConfigSize, AnEndpointStaysSmall) {
  EXPECT_LE(sizeof(Endpoint), 160u);
}
TEST(ConfigSize, AMatcherStaysSmall) {
  EXPECT_LE(sizeof(HeaderMatcher), 112u);
}

}  // namespace
}  // namespace pillion::config
