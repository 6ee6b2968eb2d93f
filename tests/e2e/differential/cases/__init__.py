"""All groups, in the order in which they run. A new group is a new module and a name here."""

from . import actions, edge, headers, malformed, messages, routing

MODULES = (routing, actions, headers, edge, messages, malformed)
GROUPS = [group for module in MODULES for group in module.GROUPS]
