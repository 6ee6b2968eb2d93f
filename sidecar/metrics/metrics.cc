#include "sidecar/metrics/metrics.h"

#include <bit>

namespace pillion::metrics {
namespace {

// The first bucket that values with a given binary exponent can fall into, so that record()
// compares with one or two bounds and not with nineteen. Index 0 stands for everything below 0.5.
constexpr int kFirstExponent = -1;  // 2^-1 = 0.5
constexpr int kExponents = 24;      // 2^22 is above the last bound
constexpr std::array<uint8_t, kExponents + 1> make_first_buckets() {
  std::array<uint8_t, kExponents + 1> first{};
  double low = 0.5;
  for (std::size_t e = 0; e < first.size(); ++e, low *= 2) {
    std::size_t i = 0;
    while (i < kDefaultBounds.size() && kDefaultBounds[i] < low) ++i;
    first[e] = static_cast<uint8_t>(i);
  }
  return first;
}
constexpr auto kFirstBuckets = make_first_buckets();

std::size_t bucket_of(double value) {
  constexpr int kBias = 1023;
  int exponent = static_cast<int>(std::bit_cast<uint64_t>(value) >> 52) - kBias - kFirstExponent;
  if (exponent < 0) return 0;
  if (exponent > kExponents) return kDefaultBounds.size();
  std::size_t i = kFirstBuckets[static_cast<std::size_t>(exponent)];
  while (i < kDefaultBounds.size() && value > kDefaultBounds[i]) ++i;
  return i;
}

}  // namespace

void Histogram::record(double value) {
  if (!(value > 0)) value = 0;  // also NaN, which would spoil the sum for ever
  std::atomic<uint64_t>& bucket = buckets_[bucket_of(value)];
  bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  sum_.store(sum_.load(std::memory_order_relaxed) + value, std::memory_order_relaxed);
}

void StatusCounters::add(int status) {
  if (status < 100 || status > 599) status = 0;
  Node* first = head_.load(std::memory_order_relaxed);
  for (Node* n = first; n != nullptr; n = n->next) {
    if (n->status == status) {
      n->count.add();
      return;
    }
  }
  Node* node = new Node{status, {}, first};
  node->count.add();
  // Release: a scraper that sees the node sees its status and its next.
  head_.store(node, std::memory_order_release);
}

StatusCounters::~StatusCounters() {
  for (Node* n = head_.load(std::memory_order_relaxed); n != nullptr;) {
    Node* next = n->next;
    delete n;
    n = next;
  }
}

std::string sanitized(std::string_view name) {
  std::string out;
  out.reserve(name.size());
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] != ':') {
      out.push_back(name[i] == '\0' ? '_' : name[i]);
      continue;
    }
    out.push_back('_');
    if (name.substr(i, 3) == "://") {
      i += 2;
    } else if (name.substr(i, 2) == ":/") {
      i += 1;
    }
  }
  return out;
}

}  // namespace pillion::metrics
