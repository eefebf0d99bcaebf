"""Requests of everyday life, each with its answer: everyday.yaml, whose head describes the form."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
import requests
import yaml

from tests.attacking import ORDINARY_USER
from tests.conftest import ROOT, Serve, Server

FILE = ROOT / "tests" / "http" / "everyday.yaml"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One request, and what its answer must be."""

    name: str
    script: str | None = None
    raw_body: str | None = None
    status: int = 200
    contains: str | Sequence[str]
    lacks: str | Sequence[str] = ()
    level: str = "namespaces"

    def send_to(self, server: Server) -> requests.Response:
        if self.script is None:
            assert self.raw_body is not None
            return server.send(self.raw_body.encode())
        return server.post(self.script)

    def check(self, answer: requests.Response) -> None:
        body = answer.content.decode()
        assert answer.status_code == self.status, body
        for text in _as_list(self.contains):
            assert text in body
        for text in _as_list(self.lacks):
            assert text not in body


def _as_list(texts: str | Sequence[str]) -> Sequence[str]:
    return [texts] if isinstance(texts, str) else texts


def _read() -> dict[str, Case]:
    groups: dict[str, list[dict[str, Any]]] = yaml.safe_load(FILE.read_text("utf-8"))
    cases: dict[str, Case] = {}
    for group, rows in groups.items():
        for row in rows:
            case = Case(**row)
            name = f"{group}: {case.name}"
            assert name not in cases, f"there are two cases {name!r}"
            assert (case.script is None) != (case.raw_body is None), f"{name!r} has a script or a raw_body"
            assert case.level in ("namespaces", "seccomp"), f"{name!r} has the level {case.level!r}"
            assert case.contains, f"{name!r} says nothing about its answer"
            cases[name] = case
    return cases


CASES = _read()
AT_SECCOMP = [name for name, case in CASES.items() if case.level == "seccomp"]


@pytest.mark.parametrize("name", CASES)
def test_everyday(server: Server, name: str) -> None:
    CASES[name].check(CASES[name].send_to(server))


@pytest.mark.slow
@pytest.mark.parametrize("user", [None, ORDINARY_USER], ids=["root", "user"])
@pytest.mark.parametrize("name", AT_SECCOMP)
def test_everyday_at_seccomp(serve: Serve, name: str, user: int | None) -> None:
    if user is not None and os.geteuid() != 0:
        pytest.skip("only root can start the service as another user")
    server = serve(user=user, without_namespaces=True)
    assert server.isolation() == "seccomp"
    CASES[name].check(CASES[name].send_to(server))
