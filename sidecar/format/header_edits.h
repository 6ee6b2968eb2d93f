#pragma once
// Compiled header additions and removals (config::HeaderEdits), applied in place to a message's
// headers. Immutable; shared by all workers. Names and literal values are not copied into a
// message: the edits must outlive its stream, as everything in a snapshot does.

#include <memory>
#include <span>
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

  // Problem names the header and the operator that cannot be parsed, or the header that may not be
  // removed (pseudo-header fields and host).
  static Result<HeaderEdits, Problem> compile(const config::HeaderEdits& edits);
  [[nodiscard]] bool empty() const { return appends_.empty() && removals_.empty(); }
  // Removals first, then additions, whose values are all made from the headers as they stand after
  // the removals: first those that overwrite, then the rest, as Envoy's HeaderParser does.
  // Additions may set
  // ":path", ":authority", ":method", ":scheme" and "host" of a request and ":status" of a
  // response.
  void apply(http::RequestHead& head, const Context& context) const;
  void apply(http::ResponseHead& head, const Context& context) const;

 private:
  struct Append;
  struct Removal;
  struct Ready;
  void remove_from(http::Headers& headers) const;
  // The additions that are to be made, with their values, in the head's arena.
  template <class Head>
  [[nodiscard]] std::span<Ready> evaluate(const Head& head, const Context& context) const;
  template <class Head>
  void apply_to(Head& head, const Context& context) const;
  std::vector<Append> appends_;
  std::vector<Removal> removals_;
};

}  // namespace pillion::format
