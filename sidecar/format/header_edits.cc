#include "sidecar/format/header_edits.h"

#include <utility>

#include "sidecar/base/text.h"

namespace pillion::format {

using Action = config::HeaderAppend::Action;

struct HeaderEdits::Append {
  std::string name;
  http::HeaderId id;
  Action action;
  bool keep_empty;
  bool pseudo;  // a member of the head rather than one of its headers
  Formatter value;
};

struct HeaderEdits::Removal {
  std::string name;
  http::HeaderId id;
};

struct HeaderEdits::Ready {
  const Append* append;
  std::string_view value;
  bool overwrites;
};

HeaderEdits::HeaderEdits() = default;
HeaderEdits::~HeaderEdits() = default;
HeaderEdits::HeaderEdits(HeaderEdits&&) noexcept = default;
HeaderEdits& HeaderEdits::operator=(HeaderEdits&&) noexcept = default;

namespace {

bool is_pseudo(std::string_view name) {
  return name.starts_with(':') || name == "host";
}

void set_pseudo(http::RequestHead& head, std::string_view name, std::string_view value) {
  if (name == ":path") head.path = value;
  if (name == ":authority" || name == "host") head.authority = value;
  if (name == ":scheme") head.scheme = value;
  if (name == ":method") {
    head.method_text = value;
    head.method = http::method_of(value);
  }
}

void set_pseudo(http::ResponseHead& head, std::string_view name, std::string_view value) {
  if (name == "host") head.headers.set(name, value);
  auto status = name == ":status" ? parse_number<uint16_t>(value) : std::nullopt;
  if (status && *status >= 200 && *status <= 599) head.status = *status;
}

constexpr bool is_request(const http::RequestHead&) {
  return true;
}
constexpr bool is_request(const http::ResponseHead&) {
  return false;
}

}  // namespace

Result<HeaderEdits, Problem> HeaderEdits::compile(const config::HeaderEdits& edits) {
  HeaderEdits out;
  out.removals_.reserve(edits.remove.size());
  for (const std::string& name : edits.remove) {
    std::string lowered = lower_copy(name);
    if (is_pseudo(lowered))
      return problem("header '" + name + "': pseudo-headers and host may not be removed");
    http::HeaderId id = http::header_id(lowered);
    out.removals_.push_back(Removal{std::move(lowered), id});
  }
  out.appends_.reserve(edits.append.size());
  for (const config::HeaderAppend& append : edits.append) {
    auto value = Formatter::parse(append.value, true);
    if (!value) return problem("header '" + append.name + "': " + std::move(value.error().message));
    std::string name = lower_copy(append.name);
    http::HeaderId id = http::header_id(name);
    bool pseudo = is_pseudo(name);
    out.appends_.push_back(Append{std::move(name), id, append.action, append.keep_empty_value,
                                  pseudo, *std::move(value)});
  }
  return out;
}

void HeaderEdits::remove_from(http::Headers& headers) const {
  for (const Removal& removal : removals_) {
    if (removal.id != http::HeaderId::kOther) {
      headers.remove(removal.id);
    } else {
      headers.remove(removal.name);
    }
  }
}

template <class Head>
std::span<HeaderEdits::Ready> HeaderEdits::evaluate(const Head& head,
                                                    const Context& context) const {
  Arena& arena = head.headers.arena();
  auto* ready = arena.array<Ready>(appends_.size());
  std::size_t count = 0;
  thread_local std::string scratch;
  for (const Append& append : appends_) {
    bool exists = head.first(append.name).has_value();
    if (append.action == (exists ? Action::kAddIfAbsent : Action::kOverwriteIfExists)) continue;
    std::string_view value = append.value.literal();
    if (!append.value.is_literal()) {
      scratch.clear();
      append.value.append_header_value(scratch, context);
      value = arena.copy(scratch);
    }
    if (value.empty() && !append.keep_empty) continue;
    bool overwrites = append.pseudo || append.action == Action::kOverwriteIfExists ||
                      append.action == Action::kOverwriteIfExistsOrAdd;
    ready[count++] = Ready{&append, value, overwrites};
  }
  return {ready, count};
}

template <class Head>
void HeaderEdits::apply_to(Head& head, const Context& context) const {
  http::Headers& headers = head.headers;
  remove_from(headers);
  if (appends_.empty()) return;
  auto ready = evaluate(head, context);
  for (const Ready& item : ready) {
    if (!item.overwrites) continue;
    if (item.append->pseudo) {
      set_pseudo(head, item.append->name, item.value);
    } else {
      headers.set_view(item.append->id, item.append->name, item.value);
    }
  }
  bool repeated = false;
  for (const Ready& item : ready) {
    if (item.overwrites) continue;
    http::HeaderId id = item.append->id;
    repeated = repeated || (id != http::HeaderId::kOther && headers.has(id));
    headers.add_view(id, item.append->name, item.value);
  }
  if (repeated) headers.join_repeated(is_request(head));
}

void HeaderEdits::apply(http::RequestHead& head, const Context& context) const {
  apply_to(head, context);
}

void HeaderEdits::apply(http::ResponseHead& head, const Context& context) const {
  apply_to(head, context);
}

}  // namespace pillion::format
