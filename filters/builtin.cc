#include "filters/builtin.h"

// One line a filter: filters/<name>.cc defines filter::FilterType <name>_filter().
#define PILLION_FILTERS(FILTER) \
  FILTER(buffer)                \
  FILTER(cors)                  \
  FILTER(fault)                 \
  FILTER(header_mutation)       \
  FILTER(health_check)          \
  FILTER(local_ratelimit)

namespace pillion::filters {

#define PILLION_DECLARE(name) filter::FilterType name##_filter();
PILLION_FILTERS(PILLION_DECLARE)

filter::FilterTable builtin() {
#define PILLION_ROW(name) name##_filter(),
  static const filter::FilterType table[] = {PILLION_FILTERS(PILLION_ROW)};
  return table;
}

}  // namespace pillion::filters
