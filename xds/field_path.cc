#include "xds/field_path.h"

#include <algorithm>

namespace pillion::xds {
namespace {

// True when `path` is `parent` or lies below it.
bool at_or_below(std::string_view path, std::string_view parent) {
  if (parent.empty()) return true;
  if (path.substr(0, parent.size()) != parent) return false;
  return path.size() == parent.size() || path[parent.size()] == '.' || path[parent.size()] == '[';
}

std::string joined(std::string_view file, std::string_view path, std::string_view text) {
  std::string line(file);
  if (!path.empty()) line.append(": ").append(path);
  return line.append(": ").append(text);
}

}  // namespace

void Problems::add(Found found) {
  auto same = [&](const Found& f) { return f.path == found.path && f.file == found.file; };
  if (!found.path.empty() && std::any_of(found_.begin(), found_.end(), same)) return;
  if (found_.size() >= kMax)
    ++dropped_;
  else
    found_.push_back(std::move(found));
}

void Problems::add(std::string path, std::string text) {
  add({file_, std::move(path), std::move(text), Kind::kWrong});
}

void Problems::add_unreadable(std::string path, std::string text) {
  add({file_, std::move(path), std::move(text), Kind::kUnreadable});
}

void Problems::add_missing(std::string path, std::string text) {
  auto explains = [&](const Found& f) {
    return (f.kind != Kind::kMissing && at_or_below(f.path, path)) ||
           (f.kind == Kind::kUnreadable && at_or_below(path, f.path));
  };
  if (std::any_of(found_.begin(), found_.end(), explains)) return;
  add({file_, std::move(path), std::move(text), Kind::kMissing});
}

void Problems::warn(std::string_view path, std::string_view text) {
  if (warnings_.size() < kMax) warnings_.push_back(joined(file_, path, text));
}

std::vector<std::string> Problems::lines() const {
  std::vector<std::string> lines;
  lines.reserve(found_.size() + 1);
  for (const Found& f : found_) lines.push_back(joined(f.file, f.path, f.text));
  if (dropped_ > 0) lines.push_back(file_ + ": and " + std::to_string(dropped_) + " more problems");
  return lines;
}

FieldPath FieldPath::index(std::size_t i) const {
  if (index_ != kNoIndex || has_key_) {
    FieldPath nested(context_, this, {});
    nested.index_ = i;
    return nested;
  }
  FieldPath element = *this;
  element.index_ = i;
  return element;
}

FieldPath FieldPath::key(std::string_view key) const {
  FieldPath entry = *this;
  entry.key_ = key;
  entry.has_key_ = true;
  return entry;
}

void FieldPath::append_to(std::string& out) const {
  if (parent_ != nullptr) parent_->append_to(out);
  if (!name_.empty()) {
    if (!out.empty()) out += '.';
    out += name_;
  }
  if (has_key_) out.append("[\"").append(key_).append("\"]");
  if (index_ != kNoIndex) out.append("[").append(std::to_string(index_)).append("]");
}

std::string FieldPath::text() const {
  std::string out;
  append_to(out);
  return out;
}

void FieldPath::problem(std::string text) const {
  context_.problems.add(this->text(), std::move(text));
}

void FieldPath::missing(std::string text) const {
  context_.problems.add_missing(this->text(), std::move(text));
}

void FieldPath::unreadable(std::string text) const {
  context_.problems.add_unreadable(this->text(), std::move(text));
}

void FieldPath::warning(std::string_view text) const {
  context_.problems.warn(this->text(), text);
}

}  // namespace pillion::xds
