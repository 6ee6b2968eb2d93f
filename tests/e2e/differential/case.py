"""What a differential case is: data, so that adding one takes a few lines."""

from dataclasses import dataclass, field
from typing import Callable

from harness.client import Recv, play, request


@dataclass
class Case:
    """One exchange, played identically against both proxies.

    steps      what the client does, in order: bytes are sent, the rest are harness.client steps
    origin     scripts for the next requests, by origin name: a list of lists of acts
    listener   which listener of the group's bootstrap to talk to
    log_lines  how many access-log lines to wait for; by default one per final response
    linger     how long to watch for a close after the last step
    play       what runs the steps: an HTTP/1.1 client, or that of harness.http2_client
    secure     makes a TLS socket of the client's connected one
    settle     extra seconds granted to late counters, for cases with timers in them
    """

    name: str
    steps: list
    origin: dict = field(default_factory=dict)
    listener: str = "main"
    log_lines: int = -1
    linger: float = 0.03
    settle: float = 0.0
    before: Callable = None
    play: Callable = play
    secure: Callable = None


@dataclass
class Group:
    """One bootstrap and the cases that share it. `config` takes an Environment."""

    name: str
    config: Callable
    cases: list
    origins: tuple = ("a",)


@dataclass
class Environment:
    """What a bootstrap needs to know about the side it is written for."""

    workdir: object
    origins: dict
    refusing: int
    silent: int

    def port(self, name):
        return self.origins[name].port

    def log(self, name="access"):
        return self.workdir / (name + ".log")


def get(name, target="/", headers=(), host="test.local", method="GET", body=b"", **fields):
    """The commonest case: one request, one response."""
    return Case(name, [request(method, target, headers, body, host), Recv(method)], **fields)


def raw(name, data, responses=1, method="GET", **fields):
    """Exact bytes, then as many responses as are due."""
    return Case(name, [data] + [Recv(method) for _ in range(responses)], **fields)
