"""The process of a spare: it isolates itself, waits for its script, runs it, and ends."""

from __future__ import annotations

import faulthandler
import marshal
import os
import resource
import sys
from signal import SIG_DFL, SIGCHLD, SIGSTKFLT, SIGSTOP, SIGXCPU, set_wakeup_fd, signal

from . import isolate, landlock, script, surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from sandbox.protocol import Order, Setup

# The announcement that the process is isolated, followed by the CPU time and memory used so far. Anything else that it
# announces is a failure.
READY = b"ready "
# The signal on which it tells where its script is. No kernel sends it, and hardly any script uses it.
LOCATE = SIGSTKFLT

_LENGTH_BYTES = 8
# Scripts must not find it loaded.
del sys.modules["faulthandler"]

# Running it copies the pages that every script touches, before anybody waits for them.
_DRY_RUN = "def main():\n    print(end='')\n    return {'': [0]}"


def become_spare(
    setup: Setup,
    order: Order,
    identity: isolate.Identity,
    descriptors: list[int],
    grants: list[tuple[int, int]],
) -> NoReturn:
    """Isolate this process, wait for a script, run it, write the envelope of its result and end.

    Args:
        setup: what all spares of the jail have in common.
        order: what this one has of its own.
        identity: its user, scratch folder and parent.
        descriptors: those for `isolate.keep_only`, without that of the ruleset.
        grants: what Landlock lets it reach besides its scratch folder, as `landlock.open_grants` returned it.
    """
    try:
        set_wakeup_fd(-1)
        signal(SIGCHLD, SIG_DFL)
        # If the kernel shares the CPUs among sessions, many threads get no more than one: sched(7), autogroup.
        os.setsid()
        ready = descriptors[-1]
        try:
            if version := setup["landlock_version"]:
                # Now, while the granted paths are open.
                ruleset = landlock.make_ruleset(version)
                landlock.grant(ruleset, grants, version)
                descriptors = [*descriptors, ruleset]
            isolate.keep_only(descriptors)
            ready = isolate.READY_FD
            isolate.isolate(setup, order, identity)
        except BaseException as error:
            os.write(ready, f"{type(error).__name__}: {error}".encode(errors="replace"))
            os._exit(1)
        surroundings.settle_folder(identity.scratch)
        script.seed_random()
        marshal.loads(marshal.dumps({"source": _DRY_RUN, "args": "{}"}))  # noqa: S302 (see below)
        reserve = script.make_reserve()
        script.run_script(_DRY_RUN, "{}", setup["limits"], reserve)
        used = resource.getrusage(resource.RUSAGE_SELF)
        os.write(isolate.READY_FD, READY + b"%f %d" % (used.ru_utime + used.ru_stime, used.ru_maxrss))
        os.close(isolate.READY_FD)
        # A process that is killed while it waits in read(2) still empties the pipe. If its first read took the whole
        # job, the host could not tell a spare that died then from one that had begun its script.
        if not os.read(isolate.JOB_FD, 1):
            os._exit(0)  # the host has exited, or does not need this spare
        length = int.from_bytes(_read(_LENGTH_BYTES), "big")
        job = marshal.loads(_read(length))  # noqa: S302 (the host sent it, and is trusted here)
        os.close(isolate.JOB_FD)
        envelope = memoryview(script.run_script(job["source"], job["args"], setup["limits"], reserve))
        while envelope:
            envelope = envelope[os.write(isolate.RESULT_FD, envelope) :]
        os.closerange(0, isolate.RESULT_FD + 1)
        # The supervisor can report a stopped process at once, and kill it while the response is on its way: to release
        # its memory takes longer than a short script. No other signal stops a session's leader, see "orphaned" in
        # setpgid(2).
        os.kill(os.getpid(), SIGSTOP)
    finally:
        # Threads that still run are not waited for, and the script cannot change how its process ends.
        os._exit(0)


def say_where_on_signals() -> None:
    """Have a thread that takes one of two signals write its frames into the result channel.

    C code writes them, even while other C code holds the interpreter. After that SIGXCPU ends the script, as always. A
    spare inherits these handlers from its zygote, which gets neither signal.
    """
    faulthandler.register(LOCATE, isolate.RESULT_FD, all_threads=False)
    faulthandler.register(SIGXCPU, isolate.RESULT_FD, all_threads=False, chain=True)


def _read(length: int) -> bytes:
    """Read `length` bytes of the job; fewer if the host exits meanwhile."""
    text = b""
    while len(text) < length and (part := os.read(isolate.JOB_FD, length - len(text))):
        text += part
    return text
