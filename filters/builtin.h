#pragma once
// The HTTP filters that every pillion-proxy knows. main() passes the table to the translators of
// xds/; nothing registers itself.

#include "sidecar/filter/registry.h"

namespace pillion::filters {

filter::FilterTable builtin();

}  // namespace pillion::filters
