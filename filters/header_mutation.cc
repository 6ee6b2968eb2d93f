// envoy.filters.http.header_mutation: changes headers of requests and responses and the query of
// requests, one mutation after the other in the order they are written. Unlike header edits of
// routes it runs in the chain, so that filters after it see what it did.

#include <envoy/config/common/mutation_rules/v3/mutation_rules.pb.h>
#include <envoy/extensions/filters/http/header_mutation/v3/header_mutation.pb.h>

#include <optional>

#include "filters/common.h"
#include "filters/query_mutation.h"
#include "sidecar/base/text.h"
#include "sidecar/format/header_edits.h"
#include "xds/any.h"
#include "xds/check_fields.h"

namespace pillion::filters {
namespace {

namespace v3 = envoy::extensions::filters::http::header_mutation::v3;
using envoy::config::common::mutation_rules::v3::HeaderMutation;
using filter::Flow;
using filter::StreamContext;
using HeaderMutationList = google::protobuf::RepeatedPtrField<HeaderMutation>;

// Edits in order: HeaderEdits removes before it adds, so each one holds a run of removals and the
// additions that follow them.
class EditList {
 public:
  EditList() = default;
  EditList(const HeaderMutationList& mutations, const xds::FieldPath& at) {
    config::HeaderEdits run;
    for (int i = 0; i < mutations.size(); ++i) {
      const xds::FieldPath here = at.index(static_cast<std::size_t>(i));
      xds::check_fields(mutations[i], here, {"remove", "append"});
      if (mutations[i].has_append()) {
        run.append.push_back(xds::header_append(mutations[i].append(), here.field("append")));
        continue;
      }
      if (!run.append.empty()) finish(run, at);
      if (auto name = removal(mutations[i], here)) run.remove.push_back(std::move(*name));
    }
    finish(run, at);
  }

  template <class Head>
  void apply(Head& head, const format::Context& context) const {
    for (const format::HeaderEdits& edits : runs_) edits.apply(head, context);
  }

 private:
  static std::optional<std::string> removal(const HeaderMutation& mutation,
                                            const xds::FieldPath& at) {
    if (mutation.remove().empty()) {
      at.missing("needs one of append and remove");
      return std::nullopt;
    }
    std::string name = lower_copy(mutation.remove());
    if (name.front() == ':' || name == "host") {
      at.field("remove").problem("\"" + name + "\" cannot be removed; name another header");
      return std::nullopt;
    }
    return name;
  }

  void finish(config::HeaderEdits& run, const xds::FieldPath& at) {
    if (run.empty()) return;
    auto compiled = format::HeaderEdits::compile(run);
    if (compiled) {
      runs_.push_back(std::move(*compiled));
    } else {
      at.missing(compiled.error().message);  // unless the translator has said so already
    }
    run = {};
  }

  std::vector<format::HeaderEdits> runs_;
};

struct Mutations final : filter::RouteConfig {
  Mutations(const v3::Mutations& message, const xds::FieldPath& at)
      : request(message.request_mutations(), at.field("request_mutations")),
        response(message.response_mutations(), at.field("response_mutations")),
        query(message.query_parameter_mutations(), at.field("query_parameter_mutations")) {
    xds::check_fields(message, at,
                      {"request_mutations", "response_mutations", "query_parameter_mutations"});
  }
  EditList request;
  EditList response;
  QueryMutations query;
};

struct HeaderMutationSettings {
  Mutations own;
  bool most_specific_last = false;  // most_specific_header_mutations_wins
};

class HeaderMutationFilter final : public filter::Filter {
 public:
  explicit HeaderMutationFilter(const HeaderMutationSettings& settings) : settings_(settings) {}

  Flow on_request(StreamContext& context, http::RequestHead& head, bool) override {
    const format::Context values{.info = &context.info(), .request = &head, .local_reply_body = {}};
    for_each_level(context, [&](const Mutations& level) {
      level.request.apply(head, values);
      level.query.apply(head, values);
    });
    return Flow::kContinue;
  }

  Flow on_response(StreamContext& context, http::ResponseHead& head, bool) override {
    const format::Context values{.info = &context.info(),
                                 .request = &context.request(),
                                 .response = &head,
                                 .local_reply_body = {}};
    for_each_level(context, [&](const Mutations& level) { level.response.apply(head, values); });
    return Flow::kContinue;
  }

 private:
  // The filter's own mutations, then those of the levels from most to least specific, or the other
  // way round.
  template <class Visit>
  void for_each_level(const StreamContext& context, Visit&& visit) const {
    visit(settings_.own);
    const filter::RouteConfig* levels[4];
    const std::size_t count = context.route_configs(levels);
    for (std::size_t i = 0; i < count; ++i) {
      const auto* level =
          dynamic_cast<const Mutations*>(levels[settings_.most_specific_last ? i : count - 1 - i]);
      if (level != nullptr) visit(*level);
    }
  }

  const HeaderMutationSettings& settings_;
};

class HeaderMutationFactory final : public filter::Factory {
 public:
  HeaderMutationFactory(const v3::HeaderMutation& message, const xds::FieldPath& at)
      : settings_{Mutations(message.mutations(), at.field("mutations")),
                  message.most_specific_header_mutations_wins()} {}
  filter::Filter* create(Arena& arena) const override {
    return arena.make<HeaderMutationFilter>(settings_);
  }
  filter::Hooks hooks() const override { return {.response = true}; }

 private:
  HeaderMutationSettings settings_;
};

std::shared_ptr<const filter::Factory> parse(const google::protobuf::Message& message,
                                             const filter::ParseContext& context) {
  const auto& from = xds::as<v3::HeaderMutation>(message);
  xds::check_fields(from, context.at, {"mutations", "most_specific_header_mutations_wins"});
  return std::make_shared<HeaderMutationFactory>(from, context.at);
}

std::shared_ptr<const filter::RouteConfig> parse_route(const google::protobuf::Message& message,
                                                       const filter::ParseContext& context) {
  const auto& from = xds::as<v3::HeaderMutationPerRoute>(message);
  xds::check_fields(from, context.at, {"mutations"});
  return std::make_shared<Mutations>(from.mutations(), context.at.field("mutations"));
}

}  // namespace

filter::FilterType header_mutation_filter() {
  return {"envoy.filters.http.header_mutation",
          "envoy.extensions.filters.http.header_mutation.v3.HeaderMutation",
          "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute", parse,
          parse_route};
}

}  // namespace pillion::filters
