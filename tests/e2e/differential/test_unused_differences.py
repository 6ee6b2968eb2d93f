"""Runs after the other files of this folder: a listed difference that was mended leaves the list."""

from pathlib import Path

from .known_differences import KNOWN


def test_every_known_difference_still_exists(request, subject):
    """It means something only when every case has run, so a narrower run passes."""
    whole_run = not request.config.option.keyword and all(Path(arg).is_dir() for arg in request.config.args)
    if subject == "pillion" and whole_run:
        stale = ["%s %s" % (known.case, known.key) for known in KNOWN if not known.used]
        assert not stale, "listed, but no longer different: %s" % stale
    assert all(known.reason.strip() for known in KNOWN)
