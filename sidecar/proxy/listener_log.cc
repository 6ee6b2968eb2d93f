#include "sidecar/proxy/listener_log.h"

namespace pillion::proxy {

StreamInfo connection_facts(WorkerContext& worker, const ListenerRuntime& listener,
                            const ConnectionEnds& ends) {
  StreamInfo info;
  Time now = worker.loop.now();
  info.start_wall =
      worker.loop.wall_now() - std::chrono::duration_cast<WallTime::duration>(now - ends.opened);
  info.times.start = ends.opened;
  info.times.end = now;
  info.downstream_remote = &ends.remote;
  info.downstream_local = &ends.local;
  info.downstream_direct_remote = ends.inspection ? &ends.inspection->direct_remote : &ends.remote;
  info.downstream_direct_local = ends.inspection ? &ends.inspection->direct_local : &ends.local;
  if (ends.inspection != nullptr) {
    info.requested_server_name = ends.inspection->server_name;
    info.dynamic_metadata = ends.inspection->metadata.get();
  }
  info.listener_name = listener.config().name;
  return info;
}

void log_to_listener(WorkerContext& worker, const ListenerRuntime& listener, StreamInfo& info) {
  info.log_type = "NotSet";  // as Envoy calls what is no stream's and no TCP proxy's
  format::Context context;
  context.info = &info;
  for (const auto& logger : listener.loggers()) logger->log(context, worker.random.next());
}

}  // namespace pillion::proxy
