#pragma once
// Subject alternative names of a certificate (RFC 5280 section 4.2.1.6) as text, and how DNS names
// with a wildcard compare (RFC 6125 section 6.4.3). Pure.

#include <string>
#include <string_view>
#include <vector>

#include "sidecar/config/tls.h"

struct x509_st;

namespace pillion::tls {

struct San {
  config::SanMatcher::Type type;
  std::string value;
  std::string oid;  // kOther
};

// Names of other types, and those whose value is no text, are left out.
std::vector<San> sans_of(const x509_st* certificate);

// `pattern` comes from a certificate; a "*" as its whole first label stands for one label.
bool dns_matches(std::string_view pattern, std::string_view name);

}  // namespace pillion::tls
