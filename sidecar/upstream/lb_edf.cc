#include "sidecar/upstream/lb_edf.h"

#include <algorithm>
#include <cmath>

namespace pillion::upstream {

namespace {

bool in_slow_start(const Endpoint& endpoint, const config::SlowStart& slow_start, Time now) {
  return endpoint.health == config::Endpoint::Health::kHealthy &&
         now - endpoint.added < slow_start.window;
}

}  // namespace

void EdfSchedule::assign(std::span<const double> weights, Random& random) {
  heap_.clear();
  heap_.reserve(weights.size());
  heaviest_ = 0;
  for (double weight : weights) heaviest_ = std::max(heaviest_, weight);
  for (std::size_t i = 0; i < weights.size(); ++i) {
    double phase = static_cast<double>(random.below(1u << 30) + 1) / (1u << 30);
    heap_.push_back({phase * heaviest_ / weights[i], order_++, static_cast<uint32_t>(i)});
  }
  for (std::size_t at = heap_.size() / 2; at-- > 0;) sift_down(at);
}

void EdfSchedule::picked(double weight) {
  Turn& turn = heap_.front();
  turn.deadline += heaviest_ / weight;
  turn.order = order_++;
  sift_down(0);
}

void EdfSchedule::sift_down(std::size_t at) {
  Turn moving = heap_[at];
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= heap_.size()) break;
    if (child + 1 < heap_.size() && heap_[child + 1].before(heap_[child])) ++child;
    if (!heap_[child].before(moving)) break;
    heap_[at] = heap_[child];
    at = child;
  }
  heap_[at] = moving;
}

bool needs_schedule(std::span<const Endpoint* const> endpoints, const config::SlowStart* slow_start,
                    Time now) {
  if (endpoints.size() < 2) return false;
  bool starting = slow_start != nullptr && slow_start->window.count() > 0;
  return std::any_of(endpoints.begin(), endpoints.end(), [&](const Endpoint* endpoint) {
    return endpoint->weight != endpoints[0]->weight ||
           (starting && in_slow_start(*endpoint, *slow_start, now));
  });
}

double slow_start_weight(double weight, const Endpoint& endpoint,
                         const config::SlowStart* slow_start, Time now) {
  if (slow_start == nullptr || slow_start->window.count() <= 0 ||
      !in_slow_start(endpoint, *slow_start, now))
    return weight;
  auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - endpoint.added);
  double elapsed = static_cast<double>(std::max<int64_t>(age.count(), 1)) /
                   static_cast<double>(slow_start->window.count());
  double aggression = slow_start->aggression > 0 ? slow_start->aggression : 1.0;
  double factor =
      std::max(std::pow(elapsed, 1.0 / aggression), slow_start->min_weight_percent / 100.0);
  return weight * factor;
}

}  // namespace pillion::upstream
