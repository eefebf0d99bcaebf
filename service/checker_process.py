"""The process that checks scripts: `python -m service.checker_process FD`.

CPython's own parser parses a script, and a hostile script can make that slow, large, or worse. So the server does not
parse it. This process, the checker zygote, takes the policy's rules from the server, loads what a check needs, and
forks a checker whenever the server asks for one. A checker has no privileges, no files and a seccomp filter. It checks
one script after another, each within its time and memory, and the kernel kills it if a script takes more.
"""

import gc
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import msgspec

from policy import Policy, Report
from sandbox.host.seccomp import compile_filter, load_filter
from sandbox.jail import kernel, landlock
from sandbox.limits import MB
from service.checker_protocol import LENGTH_BYTES, READY, SLOW, Setup, Verdict

# The id of a user and a group without any files or other processes; not the server's (service/launcher.py). Checkers
# have it if the server is root.
UNPRIVILEGED_ID = 65_531
FILTER = Path(__file__).resolve().parent.parent / "nsjail" / "checker.seccomp.yaml"
# A checker that has grown by this much, or has used this much CPU time, exits, and a new one replaces it.
_RETIRE_BYTES = 48 * MB
_RETIRE_CPU_SECONDS = 20.0
# Slow checkers yield to fast ones, as scripts do (nsjail/*.cfg).
_SLOW_NICE = 5
SOCKET_FD = 3
LIMITS = {
    resource.RLIMIT_NOFILE: SOCKET_FD + 1,
    resource.RLIMIT_NPROC: 0,
    resource.RLIMIT_FSIZE: 0,
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_MEMLOCK: 0,
    resource.RLIMIT_MSGQUEUE: 0,
}
_READ_BYTES = 64 * 2**10

# Checking these makes the zygote load what a check loads at first use; a checker can open no file.
_SAMPLES = (
    "import os as o, sys\nfrom math import *\n\ndef main(ä=1):\n    return getattr(o, f'{ä}')\n",
    "class A:\n    x: int = 'a' 'b'.join([str(1)])\n\nmain = '{0.x}'.format(A)\n",
    "def main():\n    return eval('1')\n",
    "def main():\n    return await x\n",
    "def main(:\n",
    "`ä`",
    "\0",
    "def main():\n    pass\n",
    "x = f'{1 if}'",
    "return 1",
)


class CheckerProcess:
    """The zygote, and what a checker inherits from it."""

    def __init__(self, setup: Setup) -> None:
        """Load what a check needs, then drop every privilege."""
        self._setup = setup
        self.policy = Policy(setup.rules, setup.script_bytes)
        for sample in _SAMPLES:
            self.policy.check(sample)
        self._program = _compile_filter()
        self._null = os.open("/dev/null", os.O_RDWR)
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        self._address_space_bytes = pages * os.sysconf("SC_PAGESIZE") + setup.memory_bytes
        _drop_privileges()
        gc.collect()
        gc.freeze()  # what is there now stays shared with every checker

    def fork(self, control: socket.socket, tier: bytes) -> None:
        """Fork a checker of a tier, and hand its socket and a pidfd of it to the server."""
        host_end, own_end = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            self._become_checker(own_end.detach(), slow=tier == SLOW)
        own_end.close()
        pidfd = os.pidfd_open(pid)
        with host_end:
            socket.send_fds(control, [str(pid).encode()], [host_end.fileno(), pidfd])
        os.close(pidfd)

    def _become_checker(self, fd: int, *, slow: bool) -> NoReturn:
        """Isolate this process, and check what arrives at its socket until that is closed."""
        try:
            if slow:
                os.nice(_SLOW_NICE)
            isolate(fd, self._null, self._program, self._address_space_bytes)
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            seconds = self._setup.slow_cpu_seconds if slow else self._setup.fast_cpu_seconds
            retires = False
            while not retires:
                script = _read_message(SOCKET_FD).decode("utf-8", "surrogatepass")
                signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF kills this process
                report, fault = self.check(script)
                used = resource.getrusage(resource.RUSAGE_SELF)
                retires = (used.ru_maxrss - before) * 1024 > _RETIRE_BYTES
                retires = retires or used.ru_utime + used.ru_stime > _RETIRE_CPU_SECONDS
                verdict = msgspec.json.encode(Verdict(report, fault, retires))
                signal.setitimer(signal.ITIMER_PROF, 0)
                _write_all(SOCKET_FD, len(verdict).to_bytes(LENGTH_BYTES, "big") + verdict)
        finally:
            os._exit(0)

    def check(self, script: str) -> tuple[Report | None, str]:
        """Return the report and an empty text, or None and how the check failed."""
        try:
            return self.policy.check(script), ""
        except (MemoryError, RecursionError):
            os._exit(0)  # the server takes this as if the kernel had killed the process
        except Exception as error:
            trace = error.__traceback__
            while trace and trace.tb_next:
                trace = trace.tb_next
            line = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "an unknown line"
            # Not the exception's text, which may hold some of the script.
            return None, f"{type(error).__name__} at {line}"


def main() -> None:
    """Fork a checker whenever the server asks, until it closes the socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    with suppress(OSError):  # without it, a kernel that is out of memory chooses by size
        # A checker dies before the service does.
        Path("/proc/self/oom_score_adj").write_text("1000")
    zygote = CheckerProcess(msgspec.json.decode(_read_message(control.fileno()), type=Setup))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps dead checkers
    control.sendall(READY)
    while tier := control.recv(1):
        zygote.fork(control, tier)


def isolate(fd: int, null: int, program: bytes, address_space_bytes: int) -> None:
    """Take from this process what a checker does not need: every descriptor but one, memory, system calls.

    Args:
        fd: the socket that becomes `SOCKET_FD`.
        null: /dev/null, which becomes the standard streams.
        program: the compiled filter; empty if libseccomp is missing.
        address_space_bytes: the limit on its address space.

    Raises:
        OSError: the kernel refuses a step.
    """
    for number, descriptor in enumerate((null, null, null, fd)):
        os.dup2(descriptor, number)
    os.closerange(SOCKET_FD + 1, os.sysconf("SC_OPEN_MAX"))
    for which, value in (LIMITS | {resource.RLIMIT_AS: address_space_bytes}).items():
        resource.setrlimit(which, (value, value))
    kernel.die_with_parent()
    kernel.hide_from_neighbours()
    if program:
        kernel.install_filter(program)


def _compile_filter() -> bytes:
    try:
        return compile_filter(load_filter(FILTER))
    except (OSError, RuntimeError) as error:
        print(f"Missing: the seccomp filter of the checkers: {error}; install libseccomp.", file=sys.stderr)
        return b""


def _drop_privileges() -> None:
    """Give up user, capabilities, files and network, for this process and all that it forks.

    Raises:
        OSError: the kernel refuses a step.
    """
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
        os.setresuid(UNPRIVILEGED_ID, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    kernel.drop_capabilities()
    kernel.hide_from_neighbours()
    kernel.forbid_new_privileges()
    if version := landlock.version():
        ruleset = landlock.make_ruleset(version)
        landlock.restrict(ruleset)
        os.close(ruleset)


def _read_message(fd: int) -> bytes:
    """Read one message; end this process if the server has closed the socket."""
    text = bytearray()
    expected = LENGTH_BYTES
    while len(text) < expected:
        part = os.read(fd, _READ_BYTES)
        if not part:
            os._exit(0)
        text += part
        if len(text) >= LENGTH_BYTES:
            expected = LENGTH_BYTES + int.from_bytes(text[:LENGTH_BYTES], "big")
    return bytes(text[LENGTH_BYTES:])


def _write_all(fd: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(fd, rest) :]


if __name__ == "__main__":
    main()
