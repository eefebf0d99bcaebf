"""Linux calls for which Python 3.11 has no function: they drop privileges, make namespaces and read clocks.

Sources: prctl(2), seccomp(2), capabilities(7), namespaces(7). Every function raises OSError if the kernel refuses.
"""

import ctypes
import os

# The C functions, since those of the module `signal` make an enum member of every number.
from _signal import SIG_SETMASK, SIGKILL, pthread_sigmask, valid_signals  # type: ignore[import-not-found]
from time import clock_gettime

libc = ctypes.CDLL(None, use_errno=True)

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_SECCOMP = 22
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_CLEAR_ALL = 4
_SECCOMP_MODE_FILTER = 2

_CLONE_VM = 0x00000100
_CLONE_FILES = 0x00000400
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUTS = 0x04000000
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWPID = 0x20000000
_CLONE_NEWNET = 0x40000000
_WAIT_WITHOUT_SIGNAL = 0x40000000  # __WALL, waitpid(2)
_STACK_BYTES = 16 * 2**10
_MS_NOSUID = 2
_MS_NODEV = 4
_MS_NOEXEC = 8

_LINUX_CAPABILITY_VERSION_3 = 0x20080522


def check(result: int) -> int:
    """Return what a C function returned; raise OSError if it failed."""
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _prctl(option: int, first: int, second: int = 0) -> None:
    none = ctypes.c_ulong(0)
    check(libc.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), none, none))


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent exits; a change of user id undoes this, so call it after."""
    _prctl(_PR_SET_PDEATHSIG, SIGKILL)


def signal_first_thread(pid: int, number: int) -> None:
    """Send a signal to the first thread of a process, and to no other; see tgkill(2)."""
    check(libc.tgkill(pid, pid, number))


def hide_from_neighbours() -> None:
    """Make this process undumpable: no other process of the same user may trace it or read its memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def forbid_new_privileges() -> None:
    """Set no_new_privs, which no later call can undo."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


_CAPABILITY_HEADER = (ctypes.c_uint32 * 2)(_LINUX_CAPABILITY_VERSION_3, 0)
_NO_CAPABILITIES = (ctypes.c_uint32 * 6)()


def drop_capabilities() -> None:
    """Give up every capability, the ambient ones too."""
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    check(libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES))


class _Holder:
    """A process that does nothing but keep a new namespace alive.

    It is cheap: it shares this process's memory, and waits on a small stack of its own until it is killed. It sends no
    signal when it exits.

    Attributes:
        pid: its process id, as this process sees it.
    """

    def __init__(self, namespace: int) -> None:
        """Start it in a new namespace, with every signal blocked: a handler would run in the shared memory."""
        self._stack = ctypes.create_string_buffer(_STACK_BYTES)
        top = (ctypes.addressof(self._stack) + _STACK_BYTES) & ~0xF
        before = pthread_sigmask(SIG_SETMASK, _EVERY_SIGNAL)
        try:
            # It shares the descriptors too: copies would keep pipes open whose end another process waits for.
            flags = _CLONE_VM | _CLONE_FILES | namespace
            self.pid = check(libc.clone(_WAIT_FOR_EVER, ctypes.c_void_p(top), flags, None))
        finally:
            pthread_sigmask(SIG_SETMASK, before)
        self._namespace = namespace
        try:
            self._fd = os.pidfd_open(self.pid)
        except OSError:
            self._kill()
            raise

    def enter(self) -> None:
        """Move this process into the namespace; into a process namespace only its children move, see setns(2)."""
        check(libc.setns(self._fd, self._namespace))

    def close(self) -> None:
        """Kill it; with the first process of a process namespace the kernel kills all others."""
        os.close(self._fd)
        self._kill()

    def _kill(self) -> None:
        os.kill(self.pid, SIGKILL)
        os.waitpid(self.pid, _WAIT_WITHOUT_SIGNAL)


_EVERY_SIGNAL = valid_signals()
_WAIT_FOR_EVER = ctypes.cast(libc.pause, ctypes.c_void_p)


class ProcessNamespace(_Holder):
    """A new process namespace whose first process does nothing, so that a script's process is an ordinary one.

    The kernel ignores signals that a namespace's first process sends itself (pid_namespaces(7)); a script that sends
    itself one must end.
    """

    def __init__(self) -> None:
        """Start its first process."""
        super().__init__(_CLONE_NEWPID)

    def fork(self, own_fd: int) -> int:
        """Like os.fork, with the child in this namespace; `own_fd` is a pidfd of this process."""
        self.enter()
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid:
                check(libc.setns(own_fd, _CLONE_NEWPID))
        return pid


class NetworkNamespace(_Holder):
    """A new network namespace, without an interface that is up.

    It takes longer to make than all the other namespaces together. A script can open no socket in it and change
    nothing of it, so it serves the next script when its script has ended.
    """

    def __init__(self) -> None:
        """Start the process that keeps it."""
        super().__init__(_CLONE_NEWNET)


def leave_namespaces() -> None:
    """Move this process into new mount, host name and IPC namespaces; see unshare(2)."""
    check(libc.unshare(_CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC))


def mount_scratch(path: str, size_bytes: int, inodes: int, uid: int | None) -> None:
    """Mount an empty file system over `path`, for its owner alone.

    Args:
        path: an existing folder.
        size_bytes: what the files in it may take together.
        inodes: how many there may be.
        uid: the owner and group; None means the caller's.
    """
    owner = f",uid={uid},gid={uid}" if uid is not None else ""
    options = f"size={size_bytes},nr_inodes={inodes},mode=0700{owner}"
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    check(libc.mount(b"none", path.encode(), b"tmpfs", flags, options.encode()))


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install_filter(program: bytes) -> None:
    """Install a compiled seccomp filter for this thread and all that it starts; needs no_new_privs."""
    instruction_bytes = 8
    fprog = _Program(len(program) // instruction_bytes, program)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(fprog))


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that another process has used, by its clock; see clock_getcpuclockid(3)."""
    scheduled = 2  # CPUCLOCK_SCHED, see MAKE_PROCESS_CPUCLOCK in the kernel
    return clock_gettime(~pid << 3 | scheduled)
