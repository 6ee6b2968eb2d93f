"""What a known difference is: where it shows, and the reason for it."""

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase


@dataclass
class Known:
    """One difference, or one kind of it.

    case    a shell pattern of group/name
    key     a regular expression of the observation's keys that it explains
    ours    what Pillion must show, among the differences, for the entry to count: regular expressions
            of key and value. It keeps an entry that explains much from hiding a new mistake.
    """

    case: str
    key: str
    reason: str
    ours: dict = field(default_factory=dict)
    # It shows in some runs only, since both depend on which of two packets comes first.
    sometimes: bool = False
    used: bool = field(default=False, compare=False)

    def covers(self, case, key, different):
        if not fnmatchcase(case, self.case) or not re.fullmatch(self.key, key):
            return False
        return all(
            any(re.fullmatch(name, found) and re.fullmatch(value, str(pair[1])) for found, pair in different.items())
            for name, value in self.ours.items()
        )


def each(group, names, make, *args):
    return [make("%s/%s" % (group, name), *args) for name in names]
