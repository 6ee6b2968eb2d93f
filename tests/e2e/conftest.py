"""Options and fixtures shared by all end-to-end tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))


def pytest_addoption(parser):
    parser.addoption(
        "--subject", choices=("pillion", "envoy"), default="pillion",
        help="what is tested; envoy proves that the tests themselves are right",
    )


@pytest.fixture(scope="session")
def subject(request):
    return request.config.getoption("--subject")
