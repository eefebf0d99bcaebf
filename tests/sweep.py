"""The sweep: a script makes every possible system call, with harmless arguments.

A call is refused if it fails with EPERM or ENOSYS, or kills the script by SIGSYS. All other calls reach the kernel. The
files in `tests/reachable_syscalls` list these for each level, one a line, with what the call does:

    does something     it succeeds
    looks at them      it refuses its arguments
    waits              a signal has to interrupt it
    ends the script    it does not return

`python -m tests.sweep` writes the lists anew, after a change on purpose.
"""

import errno
import platform
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyseccomp
import requests

from tests.attacking import ORDINARY_USER, Target
from tests.conftest import servers

FOLDER = Path(__file__).parent / "reachable_syscalls"
MACHINE = "x86_64"  # the numbers are of this architecture
# Today's highest number is below 480; the filter refuses what a later kernel adds, as it refuses all unknown calls.
_LAST = 600
_BEYOND = (1023, 4096, 2**30 - 1, 2**31 - 1, 2**32 - 1)

# Each of these calls has its own script: rt_sigreturn, vfork, exit, exit_group.
_ALONE = (15, 58, 60, 231)
# Zeros are valid arguments of these calls, which would then have an effect: msgget, acct, sethostname, setdomainname,
# kexec_load.
_NO_ZEROS = (68, 163, 170, 171, 246)
# Newer kernels let these calls pass every filter; they act only in a probe that a privileged user has set.
_PAST_FILTERS = {335: "uretprobe", 336: "uprobe"}
_FCNTL, _IOCTL, _CLONE, _PRCTL, _SOCKETPAIR, _KILL, _TGKILL, _SCHED_GETAFFINITY = 72, 16, 56, 157, 53, 62, 234, 204
_GETSOCKOPT, _MADVISE, _FADVISE = 55, 28, 221
# CLONE_VM, CLONE_FS, CLONE_FILES, CLONE_SIGHAND, CLONE_THREAD: a thread. CLONE_PIDFD with CLONE_DETACHED: clone(2)
# fails if it gets both, and starts nothing.
_THREAD, _NOTHING = 0x00010F00, 0x00401000
_X32 = 2**30  # the bit of the x32 table
_OF_X32 = (0, 39, 41, 57, 59, 101, 512, 520, 521, 547)
_OF_INT80 = (2, 11, 20, 26, 102)  # fork, execve, getpid, ptrace, socketcall

# Its `main` returns the return value of each call, or minus its errno. A timer interrupts calls that wait. A process
# that a call makes exits at once.
SCRIPT = r"""
import ctypes, mmap, os, signal

libc = ctypes.CDLL(None, use_errno=True)

def by_libc(number, arguments):
    value = libc.syscall(*[ctypes.c_long(one) for one in (number, *arguments)])
    return value if value >= 0 else -ctypes.get_errno()

def by_int80(number, arguments):
    # push rbx; mov eax, edi; xor ebx, ebx; xor ecx, ecx; xor edx, edx; int 0x80; pop rbx; ret
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(b"\x53\x89\xf8\x31\xdb\x31\xc9\x31\xd2\xcd\x80\x5b\xc3")
    start = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_long)(start)(number)

def main(calls, int80=False):
    own, answers = os.getpid(), []
    signal.signal(signal.SIGALRM, lambda *_: None)
    for number, *arguments in calls:
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        answer = (by_int80 if int80 else by_libc)(number, [own if one == "own" else one for one in arguments])
        if os.getpid() != own:
            os._exit(0)
        answers.append(answer)
    return answers
"""


@dataclass(frozen=True)
class Call:
    """One call to make.

    Attributes:
        name: its name in the list; several calls may share one.
        numbers: the call's number and its arguments; `"own"` stands for the script's process id.
        int80: whether the script makes it by the table of 32-bit programs.
    """

    name: str
    numbers: tuple[int | str, ...]
    int80: bool = False


class Refused(Exception):
    """The policy refuses the sweep's script."""


def _name(number: int) -> str:
    if number in _PAST_FILTERS:
        return _PAST_FILTERS[number]
    try:
        return str(pyseccomp.resolve_syscall(pyseccomp.Arch.X86_64, number).decode())
    except ValueError:  # libseccomp does not know it
        return f"number {number}"


def calls() -> Iterator[Call]:
    """Yield every call to make."""
    for number in (*range(_LAST + 1), *_BEYOND):
        for value in (-1,) if number in _NO_ZEROS else (0, -1):
            yield Call(_name(number), (number, *[value] * 6))
    yield from _judged_by_an_argument()
    for number in _OF_X32:
        yield Call(f"x32 {number}", (_X32 | number, 0, 0, 0, 0, 0, 0))
    for number in _OF_INT80:
        yield Call(f"int 0x80 {number}", (number,), int80=True)


def _judged_by_an_argument() -> Iterator[Call]:
    for command in (*range(20), *range(36, 40), *range(1024, 1045)):
        yield Call(f"fcntl {command}", (_FCNTL, -1, command, 0))
    for request in (*range(0x5400, 0x5480), *range(0x8900, 0x8950), 0x40086602, 0x40049409, 0xB701, 0xC0045877):
        yield Call(f"ioctl {request:#x}", (_IOCTL, -1, request, 0))
    for option in (*range(85), 0x53564D41, 0x59616D61):
        yield Call(f"prctl {option}", (_PRCTL, option, -1, -1, -1, -1))
    for option in range(90):
        yield Call(f"getsockopt {option}", (_GETSOCKOPT, -1, 1, option, 0, 0))
    for advice in (*range(30), *range(99, 105)):
        yield Call(f"madvise {advice}", (_MADVISE, 0, 0, advice))
    for advice in range(8):
        yield Call(f"fadvise64 {advice}", (_FADVISE, -1, 0, 0, advice))
    for family in range(47):
        yield Call(f"socketpair {family}", (_SOCKETPAIR, family, -1, -1, -1))
    yield Call("clone of a thread", (_CLONE, _THREAD | _NOTHING, 0, 0, 0, 0))
    for bit in range(8, 32):
        if not (_THREAD | _NOTHING) >> bit & 1:
            yield Call(f"clone of a thread with {1 << bit:#x}", (_CLONE, _THREAD | _NOTHING | 1 << bit, 0, 0, 0, 0))
    yield Call("kill of itself", (_KILL, "own", 0))
    yield Call("tgkill of itself", (_TGKILL, "own", "own", 0))
    yield Call("sched_getaffinity of itself", (_SCHED_GETAFFINITY, "own", 0, 0))


def _dangerous(call: Call) -> bool:
    return call.int80 or call.numbers[0] in (*_ALONE, *_PAST_FILTERS) or int(call.numbers[0]) >= _X32


def _make(target: Target, batch: list[Call]) -> list[int | None]:
    """Return what each call returned: -EPERM if it killed the script by SIGSYS, None if the script ended otherwise."""
    numbers = [call.numbers for call in batch]
    answer = target.post(SCRIPT, args={"calls": numbers, "int80": batch[0].int80}).json()
    if "result" in answer:
        return [int(one) for one in answer["result"]]
    if answer["code"] == "policy_violation":
        raise Refused("the policy refuses ctypes")
    if len(batch) == 1:
        return [-errno.EPERM if "SIGSYS" in answer["error"] else None]
    middle = len(batch) // 2
    return _make(target, batch[:middle]) + _make(target, batch[middle:])


_DOES, _LOOKS, _WAITS, _ENDS = "does something", "looks at them", "waits", "ends the script"
_STRONGEST_LAST = (_LOOKS, _WAITS, _ENDS, _DOES)


def sweep(target: Target) -> tuple[dict[str, str], set[str]]:
    """Make every call in scripts of a service; return what reachable calls do, and the calls that the kernel lacks.

    Raises:
        Refused: the policy is on.
    """
    everything = list(calls())
    alone = [[call] for call in everything if _dangerous(call)]
    batches = [[call for call in everything if not _dangerous(call)], *alone]
    reachable: dict[str, str] = {}
    lacking: set[str] = set()
    for batch in batches:
        for call, value in zip(batch, _make(target, batch), strict=True):
            if value == -errno.ENOSYS:
                lacking.add(call.name)
            if value in (-errno.EPERM, -errno.ENOSYS):
                continue
            answer = _ENDS if value is None else _DOES if value >= 0 else _WAITS if value == -errno.EINTR else _LOOKS
            reachable[call.name] = max(answer, reachable.get(call.name, _LOOKS), key=_STRONGEST_LAST.index)
    order = {call.name: index for index, call in enumerate(everything)}
    return dict(sorted(reachable.items(), key=lambda line: order[line[0]])), lacking


def list_for(health: dict[str, Any]) -> Path:
    """Return the list for a service, by its /health."""
    shared = any(layer.startswith("own user id") for layer in health.get("missing", ()))
    return FOLDER / f"{health['isolation']}{'-as-service' if shared else ''}.txt"


def differences(target: Target, health: dict[str, Any]) -> list[str]:
    """Sweep, and return a sentence for each call that differs from the list.

    Raises:
        Refused: the policy is on.
    """
    file = list_for(health)
    listed = dict(line.split(": ") for line in file.read_text().splitlines())
    reachable, lacking = sweep(target)
    new = [f"{name} is reachable: it {answer}" for name, answer in reachable.items() if name not in listed]
    # Landlock governs truncation from its third version on; on older kernels the filter refuses it.
    lacking.update((*_PAST_FILTERS.values(), "truncate"))
    unreachable = [f"{name} is no longer reachable" for name in listed.keys() - reachable.keys() - lacking]
    changed = {name: answer for name, answer in reachable.items() if listed.get(name, answer) != answer}
    other = [f"{name} {answer}; it is listed as: {listed[name]}" for name, answer in changed.items()]
    return new + unreachable + other


def main() -> None:
    """Write every list anew."""
    from tests.sandbox.conftest import LEVELS, start_at_level  # noqa: PLC0415

    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sweep-") as name:
        Path(name).chmod(0o755)
        no_rules = Path(name) / "none.yaml"
        no_rules.write_text("version: 1\n")

        def make_folder() -> Path:
            return Path(tempfile.mkdtemp(dir=name))

        with servers(make_folder) as start:
            for user in (None, ORDINARY_USER):
                for level in LEVELS:
                    server = start_at_level(start, level, "warm", user=user, POLICY_FILE=str(no_rules))
                    file = list_for(requests.get(f"{server.url}/health", timeout=30).json())
                    reachable, _ = sweep(server)
                    file.write_text("".join(f"{call}: {answer}\n" for call, answer in reachable.items()))
                    print(f"{file}: {len(reachable)} calls")
                    server.stop()


if __name__ == "__main__":
    if platform.machine() != MACHINE:
        raise SystemExit(f"The numbers are those of {MACHINE}; this is {platform.machine()}.")
    main()
