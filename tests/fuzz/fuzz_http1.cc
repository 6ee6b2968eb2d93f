// HTTP/1 parsing of arbitrary bytes, in either role. Property: however the network cuts the bytes
// up, the parser reports the same events or the same refusal. The first two bytes of an input
// choose the role, the limits and where to cut; the rest is what the peer sends.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "tests/unit/http/event_recorder.h"

namespace {

using pillion::http::CodecLimits;
using pillion::http::EventRecorder;
using pillion::http::ExpectedBody;
using pillion::http::Http1Parser;
using pillion::http::Role;
using pillion::http::Transcript;

// What the choosing bytes say.
struct Plan {
  Role role;
  ExpectedBody expected;
  CodecLimits limits;
  bool follow_tunnels;
  bool at_end;
};

Plan plan_of(uint8_t choice) {
  Plan plan;
  plan.role = (choice & 1) != 0 ? Role::kClient : Role::kServer;
  plan.expected = (choice & 6) == 2   ? ExpectedBody::kNone
                  : (choice & 6) == 4 ? ExpectedBody::kTunnel
                                      : ExpectedBody::kNormal;
  plan.limits = (choice & 8) != 0 ? CodecLimits{256, 8} : CodecLimits{};
  plan.follow_tunnels = (choice & 16) != 0;
  plan.at_end = (choice & 32) != 0;
  return plan;
}

Transcript run(const Plan& plan, const std::vector<std::string_view>& pieces) {
  EventRecorder events;
  Http1Parser parser(plan.role, events, plan.limits);
  parser.expect(plan.expected);
  if (plan.follow_tunnels) {
    events.parser = &parser;
    events.tunnel_at = plan.expected == ExpectedBody::kTunnel ? 200 : 101;
  }
  return transcribe(parser, events, pieces, plan.at_end && plan.role == Role::kClient);
}

std::vector<std::string_view> cut(std::string_view bytes, uint32_t seed) {
  std::vector<std::string_view> pieces;
  while (!bytes.empty()) {
    seed = seed * 1664525 + 1013904223;
    std::size_t size = 1 + (seed >> 24) % 23;
    pieces.push_back(bytes.substr(0, size));
    bytes.remove_prefix(pieces.back().size());
  }
  return pieces;
}

void expect_equal(const Transcript& whole, const Transcript& split, const char* how) {
  if (whole == split) return;
  std::fprintf(stderr, "fed %s:\n%s%d %s\nfed whole:\n%s%d %s\n", how, split.events.c_str(),
               split.status, split.details.c_str(), whole.events.c_str(), whole.status,
               whole.details.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  Plan plan = plan_of(data[0]);
  std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  Transcript whole = run(plan, {bytes});
  expect_equal(whole, run(plan, pillion::http::byte_by_byte(bytes)), "byte by byte");
  expect_equal(whole, run(plan, cut(bytes, data[1])), "in pieces");
  return 0;
}
