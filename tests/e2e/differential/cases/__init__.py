"""All groups, in the order in which they run. A new group is a new module and a line here."""

from . import actions, headers, routing

GROUPS = [
    *routing.GROUPS,
    *actions.GROUPS,
    *headers.GROUPS,
]
