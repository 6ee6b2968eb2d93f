#pragma once
// Stats of secrets in files, under "server.tls_secrets.": counted by the control thread when a
// folder of theirs has changed.

#include "sidecar/metrics/stats.h"

namespace pillion::metrics {

inline Scope secret_scope() {
  return {{"server"}, {"tls_secrets"}};
}

#define PILLION_SECRET_STATS(CELL, NAMED)                                                         \
  CELL(Counter, reload_success, "TLS contexts whose changed secrets were loaded.")                \
  CELL(Counter, reload_unchanged, "TLS contexts whose secrets were as before.")                   \
  CELL(Counter, reload_failed, "TLS contexts that keep their old secrets: the new are not good.") \
  CELL(Gauge, stale, "TLS contexts that keep old secrets at this moment.")                        \
  CELL(Gauge, watched_folders, "Folders that are watched for new secrets.")
PILLION_STATS(SecretStats, PILLION_SECRET_STATS)

}  // namespace pillion::metrics
