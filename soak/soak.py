"""The soak: a mix of scripts at twice the service's capacity, and what it holds before, meanwhile and afterwards."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.servers import ServerFailed
from service.checkers import WAIT_SECONDS

from .clients import OVERLOADED, Clients, Reply
from .faults import CAPACITY, TIMEOUT_SECONDS, find_grown, is_whole, settle
from .launched import Launched, launch, wait_for
from .mix import KINDS

CLIENTS = 2 * CAPACITY
# The wait for a checker and both tries of the check; one timeout in the queue and one for the script; and what it takes
# to make a jail and to write the answer.
LONGEST_ANSWER_SECONDS = WAIT_SECONDS + 1.5 + 2 * TIMEOUT_SECONDS + 2
# Before the first look, so that every thread, spare and cache is there already.
_WARM_UP_SECONDS = 60.0
_SAMPLES = 120
_SHORTEST_INTERVAL_SECONDS = 2.0
_MOST_LOST_SAMPLES = 0.1


@dataclass(slots=True)
class Soak:
    """What was measured.

    Attributes:
        seconds: how long the load was on.
        answers: the reply to every request.
        started: when the load began, in the time of `time.monotonic`.
        samples: what the service held, and how many seconds after the start.
        lost_samples: how many samples failed.
        before, after: what it held at rest.
        findings: what was wrong, a sentence each.
    """

    seconds: float = 0.0
    answers: list[Reply] = field(default_factory=list)
    started: float = 0.0
    samples: list[tuple[float, dict[str, float]]] = field(default_factory=list)
    lost_samples: int = 0
    before: dict[str, float] = field(default_factory=dict)
    after: dict[str, float] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)


def run_soak(folder: Path, seconds: float, seed: int) -> Soak:
    """Keep the service over its capacity; what goes wrong is a finding, and the measurements are kept."""
    soak = Soak()
    try:
        with launch(folder) as launched:
            wait_for(lambda: is_whole(launched, ()), "The service did not become whole.", launched)
            with Clients(launched.port, KINDS, CLIENTS, seed):
                time.sleep(min(_WARM_UP_SECONDS, seconds))
            soak.before = settle(launched, None)
            soak.started = time.monotonic()
            with Clients(launched.port, KINDS, CLIENTS, seed + 1) as clients:
                soak.answers = clients.answers
                _sample(launched, soak, seconds)
            soak.seconds = time.monotonic() - soak.started
            soak.after = settle(launched, soak.before)
    except (ServerFailed, OSError, psutil.Error) as error:
        soak.findings.append(f"{type(error).__name__}: {error}")
    soak.findings += find(soak)
    return soak


def find(soak: Soak) -> list[str]:
    """Return what is wrong with what was measured, a sentence each."""
    findings = []
    problems = [answer.problem or answer.code for answer in soak.answers if not _is_expected(answer)]
    if problems:
        findings.append(f"{len(problems)} answers were wrong, such as: {' / '.join(problems[:5])}")
    slow = [answer for answer in soak.answers if answer.seconds > LONGEST_ANSWER_SECONDS]
    if slow:
        findings.append(f"{len(slow)} answers took more than {LONGEST_ANSWER_SECONDS:g} s")
    if not any(answer.code == OVERLOADED for answer in soak.answers):
        findings.append("no request was refused, so the load was not above the capacity")
    if not soak.after:
        findings.append("the service could not be measured in the end")
    for name in find_grown(soak.before, soak.after) if soak.after else ():
        findings.append(f"grown: {name} {soak.before[name]:.0f} → {soak.after[name]:.0f}")
    if soak.lost_samples > _MOST_LOST_SAMPLES * (len(soak.samples) + soak.lost_samples):
        findings.append(f"{soak.lost_samples} samples were lost")
    return findings


def _is_expected(answer: Reply) -> bool:
    return answer.right or (answer.code == OVERLOADED and not answer.problem)


def _sample(launched: Launched, soak: Soak, seconds: float) -> None:
    """Measure what the service holds, again and again."""
    interval = max(seconds / _SAMPLES, _SHORTEST_INTERVAL_SECONDS)
    over = threading.Event()
    while (at := time.monotonic() - soak.started) < seconds:
        try:
            soak.samples.append((at, launched.stock()))
        except (OSError, psutil.Error):
            soak.lost_samples += 1
            if launched.process.poll() is not None:
                raise ServerFailed(f"The service has exited.\n{launched.log_end()}") from None
        over.wait(interval)
