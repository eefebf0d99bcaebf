"""Proves a jail: a real script runs in it like any other, and tries what must fail."""

import json
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from ..outcome import End, Outcome
from ..protocol import Script

_SCRIPT = Path(__file__).with_name("script.py").read_text("utf-8")


def self_test(run: Callable[[Script], Outcome], *, root: bool) -> tuple[str, ...]:
    """Return what a script could do that it must not; nothing if the jail holds.

    Args:
        run: runs a script in a jail.
        root: whether the service is root, so that scripts must have user ids of their own.

    Raises:
        SandboxUnavailable: no script could be run.
    """
    # Anybody may write to this folder, so only the jail can refuse it.
    outside = f"/var/tmp/sandbox-self-test-{secrets.token_hex(8)}"  # noqa: S108
    arguments = {
        "service_pid": os.getpid(),
        "service_file": __file__,
        "outside": outside,
        "root": root,
    }
    outcome = run(Script(source=_SCRIPT, args=json.dumps(arguments)))
    try:
        if outcome.end is not End.RETURNED:
            return (f"not run at all ({outcome.end.value}: {outcome.error})",)
        return tuple(msgspec.json.decode(outcome.result, type=list[str]))
    finally:
        with suppress(OSError):  # the jail holds, and there is no such file
            os.unlink(outside)
