"""What the soak makes of its measurements, and that it runs."""

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.chart import time_ticks
from soak import mix
from soak.clients import OVERLOADED, RIGHT, Reply
from soak.faults import Recovery, find_grown
from soak.report import write
from soak.soak import LONGEST_ANSWER_SECONDS, Soak, find
from tests.conftest import ROOT

STOCK: dict[str, float] = {
    "memory of the HTTP server (PSS, MiB)": 100.0,
    "memory of the launcher and the spawn broker (PSS, MiB)": 20.0,
    "memory of nsjail and the zygotes (PSS, MiB)": 60.0,
    "memory of spares and scripts (PSS, MiB)": 30.0,
    "processes": 20.0,
    "holders of namespaces": 9.0,
    "zombies": 0.0,
    "control groups": 8.0,
    "temporary files": 3.0,
}
RIGHT_ANSWER = Reply("hello", 1000.0, 0.005, RIGHT, "")
REFUSED = Reply("pandas", 1000.5, 0.002, OVERLOADED, "")


def soaked(*answers: Reply, **changes: Any) -> Soak:
    """Two minutes in which there was nothing to find, but for the changes."""
    soak = Soak(
        seconds=120.0,
        answers=[RIGHT_ANSWER, REFUSED, *answers],
        started=1000.0,
        samples=[(0.0, STOCK), (60.0, STOCK)],
        before=STOCK,
        after=STOCK,
    )
    return replace(soak, **changes)


def test_nothing_is_found_where_nothing_is() -> None:
    assert find(soaked()) == []


@pytest.mark.parametrize(
    ("soak", "found"),
    [
        (
            soaked(replace(RIGHT_ANSWER, code="500 internal_error", problem="hello 7")),
            "1 answers were wrong",
        ),
        (
            soaked(replace(RIGHT_ANSWER, code="sandbox_unavailable")),
            "1 answers were wrong, such as: sandbox_unavailable",
        ),
        (soaked(replace(REFUSED, problem="Retry-After is missing")), "1 answers were wrong"),
        (soaked(replace(RIGHT_ANSWER, seconds=LONGEST_ANSWER_SECONDS + 0.1)), "1 answers took more than 28.5 s"),
        (soaked(answers=[RIGHT_ANSWER]), "no request was refused"),
        (soaked(after=STOCK | {"zombies": 1}), "grown: zombies 0 → 1"),
        (soaked(after={}), "the service could not be measured"),
        (soaked(lost_samples=1), "1 samples were lost"),
    ],
)
def test_what_is_wrong_is_found(soak: Soak, found: str) -> None:
    [only] = find(soak)
    assert only.startswith(found)


def test_the_report_has_what_was_measured(tmp_path: Path) -> None:
    recovery = Recovery("SIGKILL of a spare", first_right=0.25, whole=1.5, codes=Counter({RIGHT: 7}))
    write(tmp_path, "Today.", soaked(replace(RIGHT_ANSWER, seconds=0.007)), [recovery])
    text = (tmp_path / "SOAK.md").read_text()
    assert "| hello | its number | 2 | 0 | 5 ms | 7 ms | 7 ms |" in text
    assert "| processes | 20 | 20 | 20 |" in text
    assert "| SIGKILL of a spare | 7 right | none | 0.2 s | 1.5 s | nothing | 0.0 s |" in text
    assert text.count("**No") == 2
    for name, titles in (
        ("latency", {"Latency of accepted requests (ms)", "Answers per second"}),
        ("resources", {"Memory, PSS (MiB)", "Processes"}),
    ):
        root = ElementTree.parse(tmp_path / f"{name}.svg").getroot()
        assert titles <= {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")}


@pytest.mark.parametrize(
    "soak",
    [
        Soak(findings=["ServerFailed: The service did not become whole."]),
        soaked(samples=[], after={}, findings=["It ended."]),
        soaked(answers=[], findings=["Nobody answered."]),
    ],
    ids=["never started", "ended", "silent"],
)
def test_a_report_is_written_whatever_happened(soak: Soak, tmp_path: Path) -> None:
    write(tmp_path, "Today.", soak, [Recovery("SIGKILL of a spare", findings=["it did not recover"])])
    text = (tmp_path / "SOAK.md").read_text()
    assert f"- {soak.findings[0]}" in text
    assert "- SIGKILL of a spare: it did not recover" in text
    assert text.count("Something was wrong") == 2


@pytest.mark.parametrize(
    ("minutes", "labels"),
    [
        (30, ["0", "10", "20", "30"]),
        (32, ["0", "10", "20", "30"]),
        (2, ["0", "0.5", "1", "1.5", "2"]),
        (0.1, ["0", "0.02", "0.04", "0.06", "0.08", "0.1"]),
        (27, ["0", "10", "20", ""]),
    ],
)
def test_an_axis_of_minutes_reaches_its_end(minutes: float, labels: list[str]) -> None:
    ticks = time_ticks(minutes)
    assert [label for _, label in ticks] == labels
    assert ticks[-1][0] == pytest.approx(minutes, rel=0.1)


@pytest.mark.slow
@pytest.mark.needs_root
def test_a_quick_soak_and_one_fault(tmp_path: Path) -> None:
    """Whether something has grown cannot be told in seconds, but everything else can."""
    command = [sys.executable, "-m", "soak", "--quick", "--output", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False)
    text = (tmp_path / "SOAK.md").read_text()
    assert "answers were wrong" not in text, done.stdout
    assert " 0 requests were refused" not in text
    assert "| SIGKILL of the zygotes (both) | " in text
    assert done.stderr == ""


HELLO_KIND, FLOOD, TIMEOUT = (
    next(kind for kind in mix.KINDS if kind.name == name) for name in ("hello", "output flood", "timeout")
)


@pytest.mark.parametrize(
    ("kind", "status", "answer", "wrong"),
    [
        (HELLO_KIND, 200, {"result": 7, "stdout": "7\n"}, None),
        (HELLO_KIND, 200, {"result": 8, "stdout": "7\n"}, "the result is 8"),
        (HELLO_KIND, 200, {"result": 7, "stdout": "8\n"}, "the output is '8\\n'"),
        (HELLO_KIND, 503, {"code": "sandbox_unavailable"}, "status 503, code sandbox_unavailable"),
        (TIMEOUT, 400, {"code": "timeout", "stdout": "7\n"}, None),
        (TIMEOUT, 400, {"code": "timeout", "stdout": ""}, "the output is ''"),
        (TIMEOUT, 400, {"code": "memory_limit", "stdout": "7\n"}, "status 400, code memory_limit"),
        (TIMEOUT, 200, {"result": 7, "stdout": "7\n"}, "status 200, code None"),
        (FLOOD, 200, {"result": 7, "stdout": ("7" * 2**16 + "\n") * 16, "stdout_truncated": True}, "of the flood"),
        (FLOOD, 200, {"result": 7, "stdout": (("7" * 2**16 + "\n") * 16)[: 2**20]}, "of the flood"),
        (FLOOD, 200, {"result": 7, "stdout": "8" * 2**20, "stdout_truncated": True}, "of the flood"),
        (FLOOD, 200, {"result": 7, "stdout": (("7" * 2**16 + "\n") * 16)[: 2**20], "stdout_truncated": True}, None),
    ],
)
def test_an_answer_belongs_to_its_script(
    kind: mix.Kind, status: int, answer: dict[str, Any], wrong: str | None
) -> None:
    found = mix.wrong(kind, 7, status, answer)
    assert found is None if wrong is None else found is not None and found.startswith(wrong)


def test_the_mix_is_whole() -> None:
    assert sum(kind.share for kind in mix.KINDS) == 1000


def test_what_has_grown_beyond_noise_is_named() -> None:
    before = {"memory of all processes (PSS, MiB)": 100.0, "processes": 20.0, "temporary files": 3.0}
    assert find_grown(before, dict(before)) == []
    assert find_grown(before, {"memory of all processes (PSS, MiB)": 109, "processes": 19, "temporary files": 3}) == []
    after: dict[str, float] = {"memory of all processes (PSS, MiB)": 111, "processes": 21, "temporary files": 3}
    assert find_grown(before, after) == ["memory of all processes (PSS, MiB)", "processes"]
