#pragma once
// Compiled header additions and removals (config::HeaderEdits), applied in place to a message's
// headers. Immutable; shared by all workers.

#include <memory>
#include <string>
#include <vector>

#include "sidecar/base/error.h"
#include "sidecar/config/headers.h"
#include "sidecar/format/formatter.h"

namespace pillion::format {

class HeaderEdits {
 public:
  HeaderEdits();
  ~HeaderEdits();
  HeaderEdits(HeaderEdits&&) noexcept;
  HeaderEdits& operator=(HeaderEdits&&) noexcept;

  // Problem names the header and the operator that cannot be parsed.
  static Result<HeaderEdits, Problem> compile(const config::HeaderEdits& edits);
  [[nodiscard]] bool empty() const { return appends_.empty() && removals_.empty(); }
  // Removals first, then additions, as Envoy's HeaderParser does. Additions may set ":path",
  // ":authority", ":method", ":scheme" and "host" of a request; new text goes into its arena.
  void apply(http::RequestHead& head, const Context& context) const;
  void apply(http::ResponseHead& head, const Context& context) const;

 private:
  struct Append;
  struct Removal;
  std::vector<Append> appends_;
  std::vector<Removal> removals_;
};

}  // namespace pillion::format
