"""All groups, in the order in which they run. A new group is a new module and a name here."""

from . import (
    actions, edge, extras, filters, found, grpc, headers, http2, http2_faults, logs, malformed, messages, resilience, response_kinds, routing, tcp, tls, tls_upstream, tracing,
    tunnels,
)

MODULES = (
    routing, actions, headers, edge, messages, malformed, resilience, tunnels, filters, logs, extras, response_kinds, tracing, found, tcp, http2, http2_faults, grpc, tls,
    tls_upstream,
)
GROUPS = [group for module in MODULES for group in module.GROUPS]
