#include "sidecar/metrics/stats_query.h"

#include <re2/re2.h>

#include <charconv>
#include <string>

#include "sidecar/base/text.h"

namespace pillion::metrics {
namespace {

using Format = StatsQuery::Format;
using Buckets = StatsQuery::Buckets;

// A filter's memory and time are bounded whatever a reader sends.
constexpr std::size_t kMaxFilter = 4096;

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    const char* end = text.data() + i + 3;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, end, byte, 16).ptr == end) {
      out.push_back(static_cast<char>(byte));
      i += 2;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

Result<Unit, Problem> set_format(StatsQuery& query, std::string_view value) {
  if (value == "text") {
    query.format = Format::kText;
  } else if (value == "json") {
    query.format = Format::kJson;
  } else if (value == "prometheus") {
    query.format = Format::kPrometheus;
  } else {
    return problem("usage: /stats?format=(json|prometheus|text)\n");
  }
  return Unit{};
}

Result<Unit, Problem> set_type(StatsQuery& query, std::string_view value) {
  if (value == "Counters") {
    query.type = Kind::kCounter;
  } else if (value == "Gauges") {
    query.type = Kind::kGauge;
  } else if (value == "Histograms") {
    query.type = Kind::kHistogram;
  } else if (value == "TextReadouts") {
    query.none = true;
  } else if (value != "All") {
    return problem("invalid &type= param");
  }
  return Unit{};
}

Result<Unit, Problem> set_buckets(StatsQuery& query, std::string_view value) {
  if (value == "summary") {
    query.buckets = Buckets::kSummary;
  } else if (value == "cumulative") {
    query.buckets = Buckets::kCumulative;
  } else if (value == "disjoint") {
    query.buckets = Buckets::kDisjoint;
  } else if (value == "detailed") {
    query.buckets = Buckets::kDetailed;
  } else {
    return problem("usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary)\n");
  }
  return Unit{};
}

Result<Unit, Problem> set_filter(StatsQuery& query, std::string_view value) {
  if (value.empty()) return Unit{};
  if (value.size() > kMaxFilter) return problem("Invalid re2 regex: longer than 4096 bytes");
  re2::RE2::Options options;
  options.set_log_errors(false);
  auto filter = std::make_shared<re2::RE2>(re2::StringPiece(value.data(), value.size()), options);
  if (!filter->ok()) return problem("Invalid re2 regex: " + filter->error());
  query.filter = std::move(filter);
  return Unit{};
}

Result<Unit, Problem> set_parameter(StatsQuery& query, std::string_view name,
                                    std::string_view value) {
  if (name == "usedonly") query.used_only = true;
  if (name == "invert_filter") query.invert_filter = true;
  if (name == "format") return set_format(query, value);
  if (name == "type") return set_type(query, value);
  if (name == "histogram_buckets") return set_buckets(query, value);
  if (name == "filter") return set_filter(query, value);
  return Unit{};
}

}  // namespace

bool StatsQuery::accepts_name(std::string_view name) const {
  if (filter == nullptr) return true;
  bool found = re2::RE2::PartialMatch(re2::StringPiece(name.data(), name.size()), *filter);
  return found != invert_filter;
}

Result<StatsQuery, Problem> parse_stats_query(std::string_view parameters, Format format) {
  StatsQuery query{.format = format};
  bool buckets_given = false;
  for (std::string_view pair : split(parameters, '&')) {
    std::size_t equals = pair.find('=');
    std::string name = decoded(pair.substr(0, equals));
    std::string value =
        equals == std::string_view::npos ? std::string() : decoded(pair.substr(equals + 1));
    TRY([[maybe_unused]] Unit done, set_parameter(query, name, value));
    buckets_given |= name == "histogram_buckets";
  }
  if (query.format == Format::kPrometheus) {
    if (!buckets_given) query.buckets = Buckets::kCumulative;
    if (query.buckets != Buckets::kCumulative && query.buckets != Buckets::kSummary)
      return problem("unsupported prometheus histogram bucket mode");
  }
  return query;
}

}  // namespace pillion::metrics
