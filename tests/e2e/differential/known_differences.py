"""Where Pillion knowingly does not do what Envoy does, each with the reason why ours is better.

An entry that no longer matches anything fails the run: a difference that was mended leaves the list.
"""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass
class Known:
    """`case` and `key` are patterns: a shell pattern of group/name, a regular expression of the key."""

    case: str
    key: str
    reason: str
    used: bool = field(default=False, compare=False)

    def covers(self, case, key):
        return fnmatchcase(case, self.case) and re.fullmatch(self.key, key) is not None


KNOWN = []


def unexplained(case, different):
    """What is left of the differences of one case when the known ones are taken away."""
    left = {}
    for key, values in different.items():
        entries = [known for known in KNOWN if known.covers(case, key)]
        for known in entries:
            known.used = True
        if not entries:
            left[key] = values
    return left
