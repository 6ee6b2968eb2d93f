"""Where Pillion knowingly does not do what Envoy does, each with the reason why ours is better.

An entry that no longer matches anything fails the run: a difference that was mended leaves the list.
"""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass
class Known:
    """One difference, or one kind of it.

    case    a shell pattern of group/name
    key     a regular expression of the observation's keys that it explains
    ours    what Pillion must show for the entry to count: regular expressions by key. It keeps an
            entry that explains much from hiding a new mistake.
    """

    case: str
    key: str
    reason: str
    ours: dict = field(default_factory=dict)
    used: bool = field(default=False, compare=False)

    def covers(self, case, key, different):
        if not fnmatchcase(case, self.case) or not re.fullmatch(self.key, key):
            return False
        return all(
            name in different and re.fullmatch(pattern, str(different[name][1])) for name, pattern in self.ours.items()
        )


def refused(case, reason, status="400 Bad Request"):
    """Envoy passes on what we refuse: all that follows from that differs."""
    return Known(case, ".*", reason, {"client.0.start_line": "HTTP/1.1 " + re.escape(status)})


KNOWN = []


def unexplained(case, different):
    """What is left of the differences of one case when the known ones are taken away."""
    left = {}
    for key, values in different.items():
        entries = [known for known in KNOWN if known.covers(case, key, different)]
        for known in entries:
            known.used = True
        if not entries:
            left[key] = values
    return left
