// Operators that print TLS and certificates.

#include <gtest/gtest.h>

#include <string>

#include "sidecar/format/formatter.h"
#include "sidecar/format/stream_info.h"

namespace pillion::format {
namespace {

std::string text(std::string_view format, const StreamInfo& info) {
  auto formatter = Formatter::parse(format);
  EXPECT_TRUE(formatter.has_value()) << format;
  std::string out;
  if (formatter.has_value()) formatter->append_to(out, Context{&info});
  return out;
}

TEST(TlsOperators, PlainTextHasNone) {
  StreamInfo info;
  EXPECT_EQ(text("%DOWNSTREAM_TLS_VERSION% %UPSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_CERT_V_END%"
                 " %DOWNSTREAM_TRANSPORT_FAILURE_REASON%",
                 info),
            "- - - -");
}

TEST(TlsOperators, EachSideHasItsOwnFacts) {
  TlsFacts down;
  TlsFacts up;
  down.text[static_cast<std::size_t>(TlsField::kVersion)] = "TLSv1.3";
  up.text[static_cast<std::size_t>(TlsField::kVersion)] = "TLSv1.2";
  up.text[static_cast<std::size_t>(TlsField::kPeerUris)] = "spiffe://a/b,spiffe://a/c";
  StreamInfo info;
  info.downstream_tls = &down;
  info.upstream_tls = &up;
  EXPECT_EQ(text("%DOWNSTREAM_TLS_VERSION% %UPSTREAM_TLS_VERSION% %UPSTREAM_PEER_URI_SAN%"
                 " %DOWNSTREAM_PEER_URI_SAN%",
                 info),
            "TLSv1.3 TLSv1.2 spiffe://a/b,spiffe://a/c -");
}

TEST(TlsOperators, TimesOfCertificatesTakeAFormat) {
  TlsFacts facts;
  facts.peer_not_before = WallTime(std::chrono::seconds(1'000'000'000));
  StreamInfo info;
  info.downstream_tls = &facts;
  EXPECT_EQ(text("%DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_PEER_CERT_V_START(%Y)%"
                 " %DOWNSTREAM_PEER_CERT_V_END%",
                 info),
            "2001-09-09T01:46:40.000Z 2001 -");
}

TEST(TlsOperators, AFailureIsOneWord) {
  StreamInfo info;
  info.downstream_transport_failure = "TLS_error:|1:SSL routines:X:TLS_error_end";
  EXPECT_EQ(text("%DOWNSTREAM_TRANSPORT_FAILURE_REASON%", info),
            "TLS_error:|1:SSL_routines:X:TLS_error_end");
}

TEST(TlsOperators, WhatIsAskedForIsWanted) {
  StreamInfo info;
  text("%UPSTREAM_TLS_GROUP%", info);
  EXPECT_NE(wanted_tls_fields(true) & (uint64_t{1} << static_cast<unsigned>(TlsField::kGroup)), 0u);
}

}  // namespace
}  // namespace pillion::format
