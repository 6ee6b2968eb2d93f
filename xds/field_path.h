#pragma once
// Where in a configuration we are (static_resources.clusters[3].name), what was found wrong there,
// and the runtime values that fields resolve with. A FieldPath is a node on the stack that points
// to its parent, so that walking costs nothing until something has to be reported. Control thread
// only.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "xds/runtime.h"

namespace pillion::xds {

// Collects problems and warnings, each with its file and field path. Bounded: what comes after the
// first kMax is counted only.
class Problems {
 public:
  static constexpr std::size_t kMax = 100;
  explicit Problems(std::string file) : file_(std::move(file)) {}

  // One problem a place: a second one at the same path would only be a consequence of the first.
  void add(std::string path, std::string text);
  // Like add(), and all that lies below is unknown: nothing there is reported as missing.
  void add_unreadable(std::string path, std::string text);
  // "is required" and the like: not reported when something at or below the path is known to be
  // wrong, since that may be why the field is missing.
  void add_missing(std::string path, std::string text);
  void warn(std::string_view path, std::string_view text);

  [[nodiscard]] bool empty() const { return found_.empty() && dropped_ == 0; }
  [[nodiscard]] std::size_t count() const { return found_.size() + dropped_; }
  // "envoy.yaml: admin.address: ..." for each, and a last line with the number left out, if any.
  [[nodiscard]] std::vector<std::string> lines() const;
  [[nodiscard]] const std::vector<std::string>& warnings() const { return warnings_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  // Problems found from here on are about this file.
  void set_file(std::string file) { file_ = std::move(file); }

 private:
  enum class Kind : uint8_t { kWrong, kMissing, kUnreadable };
  struct Found {
    std::string file;
    std::string path;
    std::string text;
    Kind kind;
  };
  void add(Found found);
  [[nodiscard]] std::string line(std::string_view path, std::string_view text) const;
  std::string file_;
  std::vector<Found> found_;
  std::vector<std::string> warnings_;
  std::size_t dropped_ = 0;
};

// What a load shares with every translator.
struct LoadContext {
  explicit LoadContext(std::string file) : problems(std::move(file)) {}
  Problems problems;
  Runtime runtime;
  bool unknown_fields_warn = false;  // --allow-unknown-static-fields
};

class FieldPath {
 public:
  explicit FieldPath(LoadContext& context) : context_(context) {}

  // A field below this place; `name` may be several, joined with dots. The result refers to this
  // node and to `name`, so both have to outlive it: chaining on a temporary does not compile,
  // except for index() and key(), which replace the temporary.
  [[nodiscard]] FieldPath field(std::string_view name) const& {
    return FieldPath(context_, this, name);
  }
  FieldPath field(std::string_view name) const&& = delete;
  // An element of this repeated field, or an entry of this map: at.field("routes").index(3).
  [[nodiscard]] FieldPath index(std::size_t i) const;
  [[nodiscard]] FieldPath key(std::string_view key) const;

  void problem(std::string text) const;
  void missing(std::string text) const;
  void unreadable(std::string text) const;
  void warning(std::string_view text) const;

  [[nodiscard]] std::string text() const;
  [[nodiscard]] LoadContext& context() const { return context_; }
  [[nodiscard]] const Runtime& runtime() const { return context_.runtime; }

 private:
  static constexpr std::size_t kNoIndex = SIZE_MAX;
  FieldPath(LoadContext& context, const FieldPath* parent, std::string_view name)
      : context_(context), parent_(parent), name_(name) {}
  void append_to(std::string& out) const;

  LoadContext& context_;
  const FieldPath* parent_ = nullptr;
  std::string_view name_;
  std::string_view key_;
  std::size_t index_ = kNoIndex;
  bool has_key_ = false;
};

}  // namespace pillion::xds
