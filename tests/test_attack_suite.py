"""`make attack` tells what held from what got through, and exits with the status for that."""

import http.server
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sandbox.protocol import Order
from tests.attack_report import Findings, Verdict, report
from tests.attack_suite import judge
from tests.attacking import ATTACKS, CATEGORIES, LIMITS, SETTINGS
from tests.conftest import ROOT, Serve, Server
from tests.documents import SECURITY
from tests.making import INSTALLED, make
from tests.sandbox.conftest import LEVELS

PROMISES = " ".join(SECURITY.read_text().split())


def attack(url: str, *categories: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the suite against a URL."""
    command = [sys.executable, "-m", "tests.attack_suite", "--url", url]
    command += [part for category in categories for part in ("--category", category)]
    environment = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=110)


@contextmanager
def fake_service(status: int, document: bytes, health: bytes) -> Iterator[tuple[str, list[str | None]]]:
    """Serve these documents instead of a sandbox; yield the URL and the tokens that clients send."""
    tokens: list[str | None] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            self.answer(health)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(document)

        def answer(self, body: bytes) -> None:
            tokens.append(self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}", tokens
        server.shutdown()


@pytest.mark.slow
def test_nothing_gets_through_a_service_that_holds(serve: Serve, no_rules: Path) -> None:
    server = serve(POLICY_FILE=str(no_rules), **SETTINGS)
    done = attack(server.url, "network", "neighbours", **SETTINGS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Got through: nothing" in done.stdout
    assert "| reachable system calls | as listed |" in done.stdout
    chosen = [one for one in ATTACKS if one.category in ("network", "neighbours")]
    tried = [one for one in chosen if one.needs <= LIMITS.keys()]
    limited = [one for one in tried if server.isolation() in one.limited_at]
    assert f"| all | {len(tried) - len(limited)}/{len(tried) - len(limited)} |" in done.stdout
    left_out = done.stdout.partition("Left out, for want of:")[2]
    assert all(one.name in left_out for one in chosen if one not in tried)
    assert left_out


@pytest.mark.slow
def test_attacks_that_the_policy_refuses_are_counted_as_refused(server: Server) -> None:
    done = attack(server.url, "network")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " refused |" in done.stdout
    assert "not swept: refused" in done.stdout


def make_attack(*variables: str) -> subprocess.CompletedProcess[str]:
    """Run `make attack`."""
    return make(ROOT, *INSTALLED, "attack", *variables)


def test_a_name_selects_one_attack_or_all_cases_of_a_file(serve: Serve, no_rules: Path) -> None:
    """A file's name selects all its cases, a case's name selects that case, and any other name is an error."""
    url = serve(POLICY_FILE=str(no_rules), **SETTINGS).url
    done = make_attack(f"URL={url}", "ATTACK=mount")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| privilege | 1/1 |" in done.stdout
    assert "| kernel |" not in done.stdout
    assert "| all | 1/1 |" in done.stdout
    assert "| reachable system calls | not swept |" in done.stdout

    cases = [one.name for one in ATTACKS if one.name.startswith("socket_family-")]
    assert len(cases) > 1
    assert f"| all | {len(cases)}/{len(cases)} |" in make_attack(f"URL={url}", "ATTACK=socket_family").stdout
    assert "| all | 1/1 |" in make_attack(f"URL={url}", f"ATTACK={cases[0]}").stdout

    done = make_attack(f"URL={url}", "ATTACK=no_such")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no attack no_such; each is a file of tests/attacks" in done.stderr


def test_everything_gets_through_a_service_that_holds_nothing() -> None:
    health = b'{"status": "healthy", "isolation": "seccomp"}'
    with fake_service(200, b'{"result": "reached"}', health) as (url, tokens):
        done = attack(url, TOKEN="abc")
    assert done.returncode == 1, done.stdout + done.stderr
    possible = [one for one in ATTACKS if one.needs <= LIMITS.keys()]
    missed = [one for one in possible if "seccomp" not in one.limited_at]
    assert f"| all | 0/{len(missed)} |" in done.stdout
    assert f"Got through: {len(missed)}\n" in done.stdout
    assert all(f"- {one.name} (" in done.stdout for one in missed)
    assert set(tokens) == {"Bearer abc"}


def test_a_service_that_cannot_be_attacked_is_an_error() -> None:
    with fake_service(403, b"<html>", b"<html>") as (url, _):
        done = attack(url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "TOKEN=" in done.stderr
    with fake_service(503, b"{}", b'{"status": "unhealthy", "reason": "no nsjail"}') as (url, _):
        done = attack(url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no nsjail" in done.stderr


def test_a_service_that_stops_answering_is_an_error() -> None:
    with fake_service(200, b"gone", b'{"isolation": "seccomp"}') as (url, _):
        done = attack(url)
    assert (done.returncode, done.stdout) == (2, "")
    assert "does not answer any more" in done.stderr


@pytest.mark.parametrize("outcome", ["reached", "internal_error", "overloaded", "answered: Bad address", "went on"])
def test_an_unexpected_outcome_got_through(outcome: str) -> None:
    for one in ATTACKS:
        for level in LEVELS:
            limited = outcome == "reached" and level in one.limited_at
            assert judge(one, outcome, level) is (Verdict.LIMITATION if limited else Verdict.THROUGH)


def test_refusals_are_counted_apart() -> None:
    found = Findings()
    found.verdicts["files"][Verdict.REFUSED] += 2
    found.verdicts["files"][Verdict.HELD] += 3
    found.verdicts["files"][Verdict.THROUGH] += 1
    assert "| files | 5/6, 2 refused |" in report({"seccomp": found})


def test_every_attack_has_a_category_and_every_category_has_many_attacks() -> None:
    assert {one.category for one in ATTACKS} == set(CATEGORIES)
    assert len({one.name for one in ATTACKS}) == len(ATTACKS)
    assert all(sum(one.category == category for one in ATTACKS) >= 25 for category in CATEGORIES)


def test_security_md_states_every_limitation() -> None:
    limitations = PROMISES.split("## What none of them promises")[1].split(" ## ")[0]
    limited = [one for one in ATTACKS if one.limited_at]
    assert limited
    for one in limited:
        assert one.limitation in limitations
        assert one.limited_at <= set(LEVELS)


def test_there_are_as_many_attacks_as_security_md_says() -> None:
    assert "more than 500 attacks" in PROMISES
    assert len(ATTACKS) > 500


def test_the_arguments_of_attacks_are_json() -> None:
    assert json.loads(json.dumps([one.arguments for one in ATTACKS])) == [one.arguments for one in ATTACKS]


def test_attacks_name_members_of_the_supervisor_that_exist() -> None:
    """An attack that looks for a member by its name skips one that does not exist."""
    attack = (ROOT / "tests" / "attacks" / "go_on_as_the_supervisor.py").read_text()
    members = set(re.findall(r'\("(_\w+)",', attack))
    jail = "".join(file.read_text() for file in (ROOT / "sandbox" / "jail").glob("*.py"))
    assert len(members) > 2
    assert {name for name in members if not re.search(rf"def {name}\(", jail)} == set()
    assert set(re.findall(r'"(\w+)": ', attack)) == set(Order.__annotations__)
