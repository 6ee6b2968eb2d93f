#pragma once
// What a log line says of a connection as such, and a listener's own logs: one line for each
// connection, when it is over. Functions; worker thread.

#include "sidecar/format/stream_info.h"
#include "sidecar/proxy/inbound.h"
#include "sidecar/proxy/snapshot.h"
#include "sidecar/proxy/worker_context.h"

namespace pillion::proxy {

// The two ends of a connection, which outlive the line. `inspection` may be null.
struct ConnectionEnds {
  const Address& remote;
  const Address& local;
  const Inspection* inspection;
  Time opened;
};

// The facts that every line about a connection starts from.
StreamInfo connection_facts(WorkerContext& worker, const ListenerRuntime& listener,
                            const ConnectionEnds& ends);
// Writes the listener's own line, if it has logs.
void log_to_listener(WorkerContext& worker, const ListenerRuntime& listener, StreamInfo& info);

}  // namespace pillion::proxy
