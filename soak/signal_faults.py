"""The faults that are a signal to one part of the service."""

import contextlib
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from .clients import KILLED, NO_ANSWER, TIMED_OUT, UNAVAILABLE
from .faults import TIMEOUT_SECONDS, Fault
from .launched import Launched, wait_for

_STOP_SECONDS = 3 * TIMEOUT_SECONDS

Victims = Callable[[Launched], Sequence[psutil.Process]]


def _every(name: str) -> Victims:
    """Choose every process of one part."""

    def choose(launched: Launched) -> Sequence[psutil.Process]:
        found = getattr(launched.parts(), name)
        return found if isinstance(found, tuple) else [found]

    return choose


def _everything(launched: Launched) -> Sequence[psutil.Process]:
    """Choose every process, as when a container is paused, the launcher first: it would continue others."""
    return launched.parts().all()


def _spare(launched: Launched) -> Sequence[psutil.Process]:
    """Choose the youngest process that waits for a script: the others have their turn before it."""
    waiting = [process for process in launched.parts().spares if not _has_begun(process)]
    return [max(waiting, key=lambda process: process.create_time())]


def _running(launched: Launched) -> Sequence[psutil.Process]:
    """Choose a process that runs a script."""
    return [wait_for(lambda: _find_running(launched), "No script runs.", launched)]


def _find_running(launched: Launched) -> psutil.Process | None:
    return next((process for process in launched.parts().spares if _has_begun(process)), None)


def _has_begun(process: psutil.Process) -> bool:
    """Return whether a script that makes a file `here` has begun in a process."""
    return Path(f"/proc/{process.pid}/cwd/here").exists()


def signal_to(name: str, number: signal.Signals) -> Victims:
    """Send a signal to every process of one part."""
    return _signal(_every(name), number)


def _signal(victims: Victims, number: signal.Signals) -> Victims:
    """Send a signal to some processes."""

    def send(launched: Launched) -> Sequence[psutil.Process]:
        chosen = victims(launched)
        for process in chosen:
            with contextlib.suppress(psutil.NoSuchProcess):  # it exited with another of them
                process.send_signal(number)
        return chosen

    return send


def _continue(victims: Victims) -> Callable[[Launched], None]:
    def send(launched: Launched) -> None:
        _signal(victims, signal.SIGCONT)(launched)

    return send


def _kill(what: str, victims: Victims, *codes: str, ends_with: int | None = None) -> Fault:
    return Fault(
        name=f"SIGKILL of {what}",
        inject=_signal(victims, signal.SIGKILL),
        codes=frozenset(codes),
        ends_with=ends_with,
    )


def _stop(
    what: str, victims: Victims, *codes: str, seconds: float = _STOP_SECONDS, until_continued: bool = False
) -> Fault:
    return Fault(
        name=f"SIGSTOP of {what}",
        inject=_signal(victims, signal.SIGSTOP),
        codes=frozenset(codes),
        watch_seconds=seconds,
        repair=_continue(victims) if until_continued else None,
    )


def signal_faults() -> list[Fault]:
    """Return them: SIGKILL of every part, then SIGSTOP."""
    return [
        _kill("nsjail (both)", _every("nsjails"), UNAVAILABLE),
        _kill("the zygotes (both)", _every("zygotes"), UNAVAILABLE),
        _kill("a spare", _spare, KILLED),
        _kill("a running script", _running, KILLED),
        _kill("the checkers", _every("checkers")),
        _kill("the checker zygote", _every("checker_zygotes")),
        _kill("gunicorn's worker", _every("workers"), UNAVAILABLE, NO_ANSWER),
        _kill("gunicorn's parent", _every("gunicorn"), UNAVAILABLE, NO_ANSWER, ends_with=128 + signal.SIGKILL),
        _kill("the spawn broker", _every("spawn_broker"), UNAVAILABLE, NO_ANSWER, ends_with=1),
        # unshare(1), whose status this is, says 1 for every signal.
        _kill("the launcher", _every("launcher"), UNAVAILABLE, NO_ANSWER, ends_with=1),
        _stop("nsjail (both)", _every("nsjails"), seconds=8, until_continued=True),
        _stop("the zygotes (both)", _every("zygotes"), UNAVAILABLE),
        _stop("a spare", _spare, TIMED_OUT),
        _stop("a running script", _running, TIMED_OUT, seconds=8),
        _stop("the checkers", _every("checkers"), seconds=8),
        _stop("the checker zygote", _every("checker_zygotes"), seconds=8, until_continued=True),
        _stop("gunicorn's worker", _every("workers"), seconds=12, until_continued=True),
        _stop("gunicorn's parent", _every("gunicorn"), seconds=8),
        _stop("the spawn broker", _every("spawn_broker"), seconds=8),
        _stop("the launcher", _every("launcher"), seconds=8, until_continued=True),
        _stop("everything", _everything, UNAVAILABLE, TIMED_OUT, seconds=15, until_continued=True),
    ]
