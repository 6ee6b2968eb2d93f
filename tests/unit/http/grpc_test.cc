#include "sidecar/http/grpc.h"

#include <gtest/gtest.h>

namespace pillion::http {
namespace {

using namespace std::chrono_literals;

TEST(GrpcTimeout, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "S", "1", "10", "1s", "-1S", "1.5S", " 1S", "1S ", "123456789S", "S1"})
    EXPECT_FALSE(parse_grpc_timeout(text)) << text;
}

TEST(GrpcTimeout, ReadsAllUnits) {
  EXPECT_EQ(parse_grpc_timeout("2H"), 2h);
  EXPECT_EQ(parse_grpc_timeout("3M"), 3min);
  EXPECT_EQ(parse_grpc_timeout("4S"), 4s);
  EXPECT_EQ(parse_grpc_timeout("5m"), 5ms);
  EXPECT_EQ(parse_grpc_timeout("6u"), 6us);
  EXPECT_EQ(parse_grpc_timeout("7000n"), 7us);
  EXPECT_EQ(parse_grpc_timeout("00000000S"), 0s);
  EXPECT_GT(*parse_grpc_timeout("99999999H"), 1000000h);
}

TEST(GrpcTimeout, WritesWhatFitsEightDigits) {
  EXPECT_EQ(format_grpc_timeout(0s), "1n");
  EXPECT_EQ(format_grpc_timeout(-1s), "1n");
  EXPECT_EQ(format_grpc_timeout(99ms), "99000000n");
  EXPECT_EQ(format_grpc_timeout(1s), "1000000u");
  EXPECT_EQ(format_grpc_timeout(1h), "3600000m");
  EXPECT_EQ(format_grpc_timeout(100h), "360000S");
}

TEST(GrpcTimeout, WhatIsWrittenIsNeverLessThanWhatWasMeant) {
  for (Duration d :
       {Duration(123456789012), Duration(1), Duration(100000001), Duration(9999999999)})
    EXPECT_GE(*parse_grpc_timeout(format_grpc_timeout(d)), d);
}

TEST(GrpcStatus, MapsToHttp) {
  EXPECT_EQ(http_status_of_grpc(0), 200);
  EXPECT_EQ(http_status_of_grpc(4), 504);
  EXPECT_EQ(http_status_of_grpc(14), 503);
  EXPECT_EQ(http_status_of_grpc(16), 401);
  EXPECT_EQ(http_status_of_grpc(99), 500);
}

TEST(GrpcStatus, IsWhatAClientMakesOfHttp) {
  EXPECT_EQ(grpc_status_of_http(400), 13u);
  EXPECT_EQ(grpc_status_of_http(401), 16u);
  EXPECT_EQ(grpc_status_of_http(403), 7u);
  EXPECT_EQ(grpc_status_of_http(404), 12u);
  for (int status : {429, 502, 503, 504}) EXPECT_EQ(grpc_status_of_http(status), 14u);
  for (int status : {200, 413, 500, 418}) EXPECT_EQ(grpc_status_of_http(status), 2u);
}

TEST(GrpcStatus, IsReadFromTrailers) {
  BlockPool blocks;
  Arena arena(blocks);
  Headers trailers(arena);
  EXPECT_EQ(grpc_status_in(trailers), std::nullopt);
  trailers.add("grpc-status", "13");
  EXPECT_EQ(grpc_status_in(trailers), 13u);
  trailers.set(HeaderId::kGrpcStatus, "x");
  EXPECT_EQ(grpc_status_in(trailers), std::nullopt);
}

}  // namespace
}  // namespace pillion::http
