#pragma once
// How requests are chosen for tracing (HttpConnectionManager.Tracing, route Tracing). Which were
// chosen travels on in their x-request-id, whoever makes the spans. Immutable once translated.

#include "sidecar/config/matcher.h"

namespace pillion::config {

struct Tracing {
  Fraction client{100, 100};        // of requests with x-client-trace-id
  Fraction random{10'000, 10'000};  // of those that nobody has chosen, by their id
  Fraction overall{100, 100};       // of all that were chosen, by their id
};

}  // namespace pillion::config
