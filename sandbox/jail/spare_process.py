"""What a spare's own process does: isolates itself, waits for its script, runs it, and ends."""

from __future__ import annotations

import faulthandler
import marshal
import os
import resource
import sys
from signal import SIG_DFL, SIGCHLD, SIGSTKFLT, SIGSTOP, SIGXCPU, set_wakeup_fd, signal

from . import isolate, kernel, script, surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from sandbox.protocol import Order, Setup

# With what the process says that it is isolated; CPU time and memory used so far follow. Anything else is a failure.
READY = b"ready "
# The signal on which it says where its script is. No kernel sends it, and hardly a script uses it.
LOCATE = SIGSTKFLT

_LENGTH_BYTES = 8
# Scripts import it for themselves, where they do.
del sys.modules["faulthandler"]

# What scripts touch first is copied by this, and not when somebody waits for it.
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
        identity: who it is.
        descriptors: those for `isolate.keep_only`, but for that of the ruleset.
        grants: what Landlock is to let it reach besides its scratch folder, as `kernel.open_grants` returned it.
    """
    try:
        set_wakeup_fd(-1)
        signal(SIGCHLD, SIG_DFL)
        # Where the kernel shares the CPUs among sessions, many threads get no more than one: sched(7), autogroup.
        os.setsid()
        ready = descriptors[-1]
        try:
            if version := setup["landlock_version"]:
                # While what is granted is still open.
                ruleset = kernel.make_ruleset(version)
                kernel.grant_files(ruleset, grants, version)
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
        script.run_script(_DRY_RUN, "{}", setup, reserve)
        used = resource.getrusage(resource.RUSAGE_SELF)
        os.write(isolate.READY_FD, READY + b"%f %d" % (used.ru_utime + used.ru_stime, used.ru_maxrss))
        os.close(isolate.READY_FD)
        # The kernel lets a process that is killed while it waits in read(2) still read. If all came in one piece, the
        # host could not tell a spare that died then from one that had begun.
        if not os.read(isolate.JOB_FD, 1):
            os._exit(0)  # the host has gone, or does not need this spare any more
        length = int.from_bytes(_read(_LENGTH_BYTES), "big")
        job = marshal.loads(_read(length))  # noqa: S302 (sent by the host, which is trusted here)
        os.close(isolate.JOB_FD)
        envelope = memoryview(script.run_script(job["source"], job["args"], setup, reserve))
        while envelope:
            envelope = envelope[os.write(isolate.RESULT_FD, envelope) :]
        os.closerange(0, isolate.RESULT_FD + 1)
        # A stopped process can be counted and reported at once, and be killed while the answer is on its way. To give
        # its memory back takes longer than a short script. No other signal stops who leads a session, see "orphaned" in
        # setpgid(2).
        os.kill(os.getpid(), SIGSTOP)
    finally:
        # Threads that still run are not waited for, and nothing of the script's gets a say in how its process ends.
        os._exit(0)


def say_where_on_signals() -> None:
    """Have the frames of whichever thread takes one of two signals written up the result channel.

    They are written by C code, which runs while other C code holds the interpreter. After that SIGXCPU does what it
    always does, and ends the script. A spare inherits this of its zygote, which nobody sends either.
    """
    faulthandler.register(LOCATE, isolate.RESULT_FD, all_threads=False)
    faulthandler.register(SIGXCPU, isolate.RESULT_FD, all_threads=False, chain=True)


def _read(length: int) -> bytes:
    """Read so many bytes of the job; fewer where the host has gone meanwhile."""
    text = b""
    while len(text) < length and (part := os.read(isolate.JOB_FD, length - len(text))):
        text += part
    return text
