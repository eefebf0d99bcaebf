"""Makes a fresh fork into a process that may run a script: it drops every privilege, in the order the kernel needs.

Each step fails closed: an exception here ends the process before the script's first line.
"""

from __future__ import annotations

import _thread
import io
import os
import sys
from fcntl import F_DUPFD, fcntl

from . import kernel, landlock, own_maps
from .resource_limits import set_resource_limits
from .scratch import MAX_INODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sandbox.protocol import Order, Setup

RESULT_FD = 3
JOB_FD = 4
READY_FD = 5
# Only with Landlock; closed before the spare announces on `READY_FD` that it is isolated.
RULESET_FD = 6

# Stands in the compiled filter for the script's own process id.
OWN_PID_MARK = 0x5EED0000
_INSTRUCTION_BYTES = 8
_VALUE_BYTES = 4
_THREAD_STACK_BYTES = 2 * 2**20
_JUMP_IF_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K


class _Stream(io.FileIO):
    """A standard stream that cannot seek, as a pipe cannot.

    It is opened early, when its descriptor may still be a file or a device.
    """

    def seekable(self) -> bool:
        """Return False."""
        return False


def open_standard_streams() -> None:
    """Open `sys.stdin`, `sys.stdout` and `sys.stderr` for scripts, once for all spares."""
    # The errors are those of CPython under C.UTF-8.
    for fd, mode, errors in ((0, "r", "surrogateescape"), (1, "w", "surrogateescape"), (2, "w", "backslashreplace")):
        raw = _Stream(fd, mode, closefd=False)
        name = ("stdin", "stdout", "stderr")[fd]
        raw.name = f"<{name}>"
        # Unbuffered, so that nothing is lost if the script is killed.
        stream = io.TextIOWrapper(raw, "utf-8", errors, write_through=fd > 0)
        stream.mode = mode  # type: ignore[misc]
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def keep_only(descriptors: list[int]) -> None:
    """Close every descriptor but these, and give them the numbers that the spare expects.

    A script has /dev/null as stdin, its two output pipes and its result channel; all others are closed before its first
    line.

    Args:
        descriptors: those that become stdout, stderr, `RESULT_FD`, `JOB_FD`, `READY_FD` and `RULESET_FD`.
    """
    stdin = os.open("/dev/null", os.O_RDONLY)
    # First to higher numbers, so that none is overwritten before its turn.
    aside = [fcntl(fd, F_DUPFD, RULESET_FD + 1) for fd in (stdin, *descriptors)]
    for number, fd in enumerate(aside):
        os.dup2(fd, number)
    os.closerange(len(aside), os.sysconf("SC_OPEN_MAX"))


def close_all_but(descriptor: int) -> None:
    """Close every descriptor but this one and the standard streams."""
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))


class Identity:
    """The identity of a spare.

    Attributes:
        uid: the user and group id that it takes; None means that it keeps its own.
        scratch: its scratch folder.
        supervisor_pid: its parent.
    """

    def __init__(self, uid: int | None, scratch: str, supervisor_pid: int) -> None:
        """Take what the supervisor knows about the spare."""
        self.uid = uid
        self.scratch = scratch
        self.supervisor_pid = supervisor_pid


def isolate(setup: Setup, order: Order, identity: Identity) -> None:
    """Drop every privilege of this process.

    Raises:
        OSError: the kernel refuses a step.
    """
    if setup["own_namespaces"]:
        kernel.leave_namespaces()
        kernel.mount_scratch(identity.scratch, setup["limits"]["scratch_bytes"], MAX_INODES, identity.uid)
    # Enough for deep recursion. With glibc's 8 MB the stacks of a few dozen threads would reach the memory limit.
    _thread.stack_size(_THREAD_STACK_BYTES)
    os.umask(0o077)
    set_resource_limits(setup["limits"], order)
    if identity.uid is not None:
        os.setgroups([])
        os.setresgid(identity.uid, identity.uid, identity.uid)
        os.setresuid(identity.uid, identity.uid, identity.uid)
    os.chdir(identity.scratch)
    kernel.drop_capabilities()
    # A change of user undoes both of the next steps, so they come after it.
    kernel.die_with_parent()
    if not setup["own_namespaces"] and os.getppid() != identity.supervisor_pid:
        os._exit(0)  # the supervisor exited before
    kernel.hide_from_neighbours()
    kernel.forbid_new_privileges()
    if setup["landlock_version"]:
        own = [(identity.scratch, landlock.SCRATCH)]
        if not setup["own_namespaces"] and os.path.exists(own_maps.PATH):
            own.append((own_maps.PATH, landlock.READ))
        grants = landlock.open_grants(own)
        landlock.grant(RULESET_FD, grants, setup["landlock_version"])
        landlock.restrict(RULESET_FD)
        for fd, _ in grants:
            os.close(fd)
        os.close(RULESET_FD)
    if setup["filter"]:
        kernel.install_filter(fill_in_pid(setup["filter"], os.getpid()))


def fill_in_pid(program: bytes, pid: int) -> bytes:
    """Replace `OWN_PID_MARK` in the compiled filter by a process id.

    The filter lets a script signal only itself, and nobody knows its process id before the fork. An instruction is
    `struct sock_filter`: a 16-bit code, two 8-bit jumps and a 32-bit value, in the host's byte order.
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
