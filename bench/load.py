"""Puts load on a server with wrk, https://github.com/wg/wrk, and reads what it measured."""

import math
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .workloads import Workload

_LUA = Path(__file__).resolve().parent / "post.lua"
# An answer that takes longer is an error to wrk.
_LONGEST_ANSWER_SECONDS = 30
_SETTLE_SECONDS = 0.2


class WrongAnswers(Exception):
    """Under load some answers were wrong, or did not come; what was measured means nothing."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured under one load.

    Attributes:
        latencies_us: of each answer, in microseconds.
        clients: how many there were.
        busy_seconds: from each client's first request to its last answer, of all clients together. The request that
            was under way when the time was up is not in it: with slow answers that would be much of the time.
    """

    latencies_us: tuple[int, ...]
    clients: int
    busy_seconds: float

    def percentile_ms(self, percent: float) -> float:
        """Return the latency in milliseconds that `percent` of the answers did not exceed (nearest rank)."""
        return percentile(self.latencies_us, percent) / 1000

    def per_second(self) -> float:
        """Return the answers per second."""
        return len(self.latencies_us) * self.clients / self.busy_seconds

    def __add__(self, other: "Sample") -> "Sample":
        """Join two samples of the same load, taken one after the other."""
        return Sample(self.latencies_us + other.latencies_us, self.clients, self.busy_seconds + other.busy_seconds)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return what `percent` of the values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * percent / 100), 1) - 1]


def find_wrk() -> str:
    """Return the path of wrk.

    Raises:
        SystemExit: it is not installed.
    """
    path = shutil.which("wrk")
    if path is None:
        raise SystemExit("The load tool wrk is missing: install it, on Debian with `apt-get install wrk`.")
    return path


def put_load(port: int, workload: Workload, clients: int, seconds: float) -> Sample:
    """Have clients send a script again and again, each as soon as it has its answer.

    Raises:
        WrongAnswers: not every answer was right.
    """
    with tempfile.TemporaryDirectory() as folder:
        body, expected = Path(folder, "body"), Path(folder, "expected")
        body.write_bytes(workload.request_body())
        expected.write_text(workload.answer)
        load = [f"-t{clients}", f"-c{clients}", f"-d{math.ceil(seconds)}s", f"--timeout={_LONGEST_ANSWER_SECONDS}s"]
        command = [
            find_wrk(),
            *load,
            "-s",
            str(_LUA),
            f"http://127.0.0.1:{port}/execute",
            "--",
            str(body),
            str(expected),
        ]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    try:
        sample = parse(output, clients)
    except WrongAnswers as error:
        raise WrongAnswers(f"{workload.name}, {clients} clients: {error}") from error
    # wrk leaves each client's last request behind, and it must not run under the next load.
    time.sleep(max(sample.latencies_us) / 1e6 + _SETTLE_SECONDS)
    return sample


def parse(output: str, clients: int) -> Sample:
    """Read what `post.lua` printed, among what wrk prints.

    Raises:
        WrongAnswers: not every answer was right, or there was none.
    """
    latencies: list[int] = []
    busy_us = 0
    for line in output.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "latencies_us":
            latencies += map(int, rest.split())
        elif kind == "busy_us":
            busy_us += int(rest)
        elif kind == "socket_errors" and rest != "0":
            raise WrongAnswers(f"{rest} requests had no answer")
        elif kind == "wrong" and not rest.startswith("0 "):
            count, _, first = rest.partition(" ")
            raise WrongAnswers(f"{count} of one client's answers were wrong, such as: {first}")
    if not busy_us:
        raise WrongAnswers(f"no answer was measured; wrk said: {output[-500:]}")
    return Sample(tuple(latencies), clients, busy_us / 1e6)
