"""Turns a freshly forked process into one that may run a script: every privilege goes, in the order the kernel needs.

Each step fails closed: an exception here ends the process before the script's first line.
"""

from __future__ import annotations

import _thread
import io
import os
import sys
from fcntl import F_DUPFD, fcntl

from . import kernel, own_maps
from .resource_limits import set_resource_limits
from .scratch import MAX_INODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sandbox.protocol import Order, Setup

RESULT_FD = 3
JOB_FD = 4
READY_FD = 5
# Only where there is Landlock; closed before `READY_FD` says that the spare is isolated.
RULESET_FD = 6

# What stands in the compiled filter where the script's own process id belongs.
OWN_PID_MARK = 0x5EED0000
_INSTRUCTION_BYTES = 8
_VALUE_BYTES = 4
_THREAD_STACK_BYTES = 2 * 2**20
_JUMP_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K


class _Stream(io.FileIO):
    """A standard stream, which has no place to go back to, as a pipe has none.

    It is opened where its descriptor may be a file or a device still.
    """

    def seekable(self) -> bool:
        """Say that it is none."""
        return False


def open_standard_streams() -> None:
    """Open `sys.stdin`, `sys.stdout` and `sys.stderr` as scripts find them: done once, it is done for every spare."""
    # The errors are those of CPython under C.UTF-8.
    for fd, mode, errors in ((0, "r", "surrogateescape"), (1, "w", "surrogateescape"), (2, "w", "backslashreplace")):
        raw = _Stream(fd, mode, closefd=False)
        name = ("stdin", "stdout", "stderr")[fd]
        raw.name = f"<{name}>"
        # Unbuffered, so that nothing is lost when the script is killed.
        stream = io.TextIOWrapper(raw, "utf-8", errors, write_through=fd > 0)
        stream.mode = mode  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def keep_only(descriptors: list[int]) -> None:
    """Close every descriptor but these, and put them where the spare expects them.

    A script finds /dev/null as stdin, its two output pipes and its result channel; all others are closed before its
    first line.

    Args:
        descriptors: what becomes stdout, stderr, `RESULT_FD`, `JOB_FD`, `READY_FD` and `RULESET_FD`.
    """
    stdin = os.open("/dev/null", os.O_RDONLY)
    # First to numbers that are free and out of the way, so that none is overwritten before its turn.
    aside = [fcntl(fd, F_DUPFD, RULESET_FD + 1) for fd in (stdin, *descriptors)]
    for place, fd in enumerate(aside):
        os.dup2(fd, place)
    os.closerange(len(aside), os.sysconf("SC_OPEN_MAX"))


def close_all_but(descriptor: int) -> None:
    """Close every descriptor but this one and the standard streams."""
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))


class Identity:
    """Who a spare is.

    Attributes:
        uid: the user and group id that it takes; None: it keeps its own.
        scratch: its scratch folder.
        supervisor_pid: its parent.
    """

    def __init__(self, uid: int | None, scratch: str, supervisor_pid: int) -> None:
        """Take what the supervisor knows of the spare."""
        self.uid = uid
        self.scratch = scratch
        self.supervisor_pid = supervisor_pid


def isolate(setup: Setup, order: Order, identity: Identity) -> None:
    """Drop every privilege of this process.

    Raises:
        OSError: the kernel refused a step.
    """
    if setup["own_namespaces"]:
        kernel.leave_namespaces()
        kernel.mount_scratch(identity.scratch, setup["scratch_bytes"], MAX_INODES, identity.uid)
    # Enough for a deep recursion; with glibc's 8 MB a few dozen threads would reach the memory limit by their stacks.
    _thread.stack_size(_THREAD_STACK_BYTES)
    os.umask(0o077)
    set_resource_limits(setup, order)
    if identity.uid is not None:
        os.setgroups([])
        os.setresgid(identity.uid, identity.uid, identity.uid)
        os.setresuid(identity.uid, identity.uid, identity.uid)
    os.chdir(identity.scratch)
    kernel.drop_capabilities()
    # A change of user undoes both of these, so they come after it.
    kernel.die_with_parent()
    if not setup["own_namespaces"] and os.getppid() != identity.supervisor_pid:
        os._exit(0)  # it had gone before
    kernel.hide_from_neighbours()
    kernel.forbid_new_privileges()
    if setup["landlock_version"]:
        own = [(identity.scratch, kernel.SCRATCH)]
        if not setup["own_namespaces"] and os.path.exists(own_maps.PATH):
            own.append((own_maps.PATH, kernel.READ))
        grants = kernel.open_grants(own)
        kernel.grant_files(RULESET_FD, grants, setup["landlock_version"])
        kernel.restrict_files(RULESET_FD)
        for fd, _ in grants:
            os.close(fd)
        os.close(RULESET_FD)
    if setup["filter"]:
        kernel.install_filter(fill_in_pid(setup["filter"], os.getpid()))


def fill_in_pid(program: bytes, pid: int) -> bytes:
    """Put a process id where the compiled filter has `OWN_PID_MARK`.

    The filter lets a script signal itself only, and its process id is not known before the fork. An instruction is
    `struct sock_filter`: a 16-bit code, two 8-bit jumps and a 32-bit value, in the machine's byte order.
    """
    filled = bytearray(program)
    mark = OWN_PID_MARK.to_bytes(_VALUE_BYTES, sys.byteorder)
    found = program.find(mark)
    while found >= 0:
        start = found - _INSTRUCTION_BYTES + _VALUE_BYTES
        code = int.from_bytes(program[start : start + 2], sys.byteorder)
        if start % _INSTRUCTION_BYTES == 0 and code == _JUMP_IF_EQUAL:
            filled[found : found + _VALUE_BYTES] = pid.to_bytes(_VALUE_BYTES, sys.byteorder)
        found = program.find(mark, found + 1)
    return bytes(filled)
