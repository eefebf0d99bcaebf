"""Proves a way to start a jail: runs a real script in it, by the real path, that tries what must fail."""

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
    """Return what a script could do that it must not; nothing where the jail holds.

    Args:
        run: runs a script in a jail.
        root: whether scripts should have a user id of their own.

    Raises:
        SandboxUnavailable: no script could be run.
    """
    # In a folder that anybody may write to, so that nothing but the jail refuses it.
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
        with suppress(OSError):  # not there, as it should be
            os.unlink(outside)
