"""The Linux calls that drop privileges, for which Python 3.11 has no function of its own.

Sources: prctl(2), seccomp(2), landlock(7), capabilities(7). Every function raises OSError when the kernel refuses.
"""

import ctypes
import os

# The C functions alone: those of the module `signal` make an enum member of every number.
from _signal import SIG_SETMASK, SIGKILL, pthread_sigmask, valid_signals  # type: ignore[import-not-found]

_libc = ctypes.CDLL(None, use_errno=True)

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

# The Landlock calls have the same numbers on every architecture (asm-generic/unistd.h).
_SYS_LANDLOCK_CREATE_RULESET = 444
_SYS_LANDLOCK_ADD_RULE = 445
_SYS_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_CREATE_RULESET_VERSION = 1
_LANDLOCK_RULE_PATH_BENEATH = 1

# LANDLOCK_ACCESS_FS_*, linux/landlock.h.
_WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
_REMOVE_DIR = 1 << 4
_REMOVE_FILE = 1 << 5
_MAKE_DIR = 1 << 7
_MAKE_REG = 1 << 8
_MAKE_SYM = 1 << 12
_REFER = 1 << 13
_TRUNCATE = 1 << 14

READ = READ_FILE | READ_DIR
DEVICE = READ_FILE | _WRITE_FILE
SCRATCH = READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _MAKE_SYM | _REFER | _TRUNCATE
# What one file, rather than a folder, can be granted.
_OF_A_FILE = READ_FILE | _WRITE_FILE | _TRUNCATE

# The first version of the interface that knows truncation.
TRUNCATE_VERSION = 3

# How many of the LANDLOCK_ACCESS_FS_* bits each version of the interface knows; later ones know as many as the last.
_FS_BITS_BY_VERSION = (0, 13, 14, 15, 15, 16)


def _check(result: int) -> int:
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def _prctl(option: int, first: int, second: int = 0) -> None:
    none = ctypes.c_ulong(0)
    _check(_libc.prctl(option, ctypes.c_ulong(first), ctypes.c_ulong(second), none, none))


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends; a change of user id undoes this, so call it after."""
    _prctl(_PR_SET_PDEATHSIG, SIGKILL)


def signal_first_thread(pid: int, number: int) -> None:
    """Send a signal to the thread that a process has begun with, and to no other of its threads; see tgkill(2)."""
    _check(_libc.tgkill(pid, pid, number))


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
    _check(_libc.capset(_CAPABILITY_HEADER, _NO_CAPABILITIES))


class _Holder:
    """A process that does nothing, and by that keeps a new namespace.

    It costs next to nothing: it shares this process's memory, and waits on a small stack of its own until it is killed.
    At its end it sends no signal.

    Attributes:
        pid: its process id, as this process sees it.
    """

    def __init__(self, namespace: int) -> None:
        """Start it in a new namespace; every signal is blocked in it, for its handlers would run in shared memory."""
        self._stack = ctypes.create_string_buffer(_STACK_BYTES)
        top = (ctypes.addressof(self._stack) + _STACK_BYTES) & ~0xF
        before = pthread_sigmask(SIG_SETMASK, _EVERY_SIGNAL)
        try:
            # Its descriptors are shared too: copies would keep pipes open whose other ends are waited on.
            flags = _CLONE_VM | _CLONE_FILES | namespace
            self.pid = _check(_libc.clone(_WAIT_FOR_EVER, ctypes.c_void_p(top), flags, None))
        finally:
            pthread_sigmask(SIG_SETMASK, before)
        self._namespace = namespace
        try:
            self._fd = os.pidfd_open(self.pid)
        except OSError:
            self._kill()
            raise

    def enter(self) -> None:
        """Move this process into the namespace; a process namespace is that of its children only, see setns(2)."""
        _check(_libc.setns(self._fd, self._namespace))

    def close(self) -> None:
        """Kill it, and whatever else is in a process namespace with it."""
        os.close(self._fd)
        self._kill()

    def _kill(self) -> None:
        os.kill(self.pid, SIGKILL)
        os.waitpid(self.pid, _WAIT_WITHOUT_SIGNAL)


_EVERY_SIGNAL = valid_signals()
_WAIT_FOR_EVER = ctypes.cast(_libc.pause, ctypes.c_void_p)


class ProcessNamespace(_Holder):
    """A new process namespace whose first process does nothing, so that a script's is an ordinary one.

    A namespace's first process does not feel the signals that it sends itself (pid_namespaces(7)), and a script that
    ends itself by a signal has to end.
    """

    def __init__(self) -> None:
        """Start its first process."""
        super().__init__(_CLONE_NEWPID)

    def fork(self, own_fd: int) -> int:
        """Like os.fork, but the child belongs to this namespace; `own_fd` is a pidfd of this process."""
        self.enter()
        pid = -1
        try:
            pid = os.fork()
        finally:
            if pid:
                _check(_libc.setns(own_fd, _CLONE_NEWPID))
        return pid


class NetworkNamespace(_Holder):
    """A new network namespace, without an interface that is up.

    To make one costs more than all the other namespaces together. Since no script can open a socket in it, nor change
    anything of it, it is as good as new when its script has gone, and serves another.
    """

    def __init__(self) -> None:
        """Start the process that keeps it."""
        super().__init__(_CLONE_NEWNET)


def leave_namespaces() -> None:
    """Move this process into new mount, host name and IPC namespaces; see unshare(2)."""
    _check(_libc.unshare(_CLONE_NEWNS | _CLONE_NEWUTS | _CLONE_NEWIPC))


def mount_scratch(path: str, size_bytes: int, inodes: int, uid: int | None) -> None:
    """Mount an empty file system over `path`, for its owner alone.

    Args:
        path: an existing folder.
        size_bytes: what the files in it may take together.
        inodes: how many there may be.
        uid: the owner and group; None: the caller's.
    """
    owner = f",uid={uid},gid={uid}" if uid is not None else ""
    options = f"size={size_bytes},nr_inodes={inodes},mode=0700{owner}"
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    _check(_libc.mount(b"none", path.encode(), b"tmpfs", flags, options.encode()))


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def install_filter(program: bytes) -> None:
    """Install a compiled seccomp filter on this thread and all it starts; needs no_new_privs."""
    instruction_bytes = 8
    fprog = _Program(len(program) // instruction_bytes, program)
    _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(fprog))


def landlock_version() -> int:
    """Return the version of the kernel's Landlock interface; 0 where there is none."""
    version = _libc.syscall(
        ctypes.c_long(_SYS_LANDLOCK_CREATE_RULESET), None, ctypes.c_size_t(0), _LANDLOCK_CREATE_RULESET_VERSION
    )
    return max(int(version), 0)


class _RulesetAttributes(ctypes.Structure):
    """struct landlock_ruleset_attr; an older kernel accepts the longer form while what it does not know is zero."""

    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def open_grants(grants: list[tuple[str, int]]) -> list[tuple[int, int]]:
    """Open what `grant_files` is to grant, which takes longer than all the rest of it.

    Args:
        grants: a path and what may be done with everything beneath it (`READ`, `DEVICE`, `SCRATCH`).

    Returns:
        a descriptor and the same rights, without those that only a folder can have where it is none.
    """
    opened = []
    for path, allowed in grants:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        opened.append((fd, allowed if os.path.isdir(path) else allowed & _OF_A_FILE))
    return opened


def _governed(version: int) -> int:
    """Return the rights to files that this version of Landlock knows."""
    return (1 << _FS_BITS_BY_VERSION[min(version, len(_FS_BITS_BY_VERSION) - 1)]) - 1


def make_ruleset(version: int) -> int:
    """Make a ruleset that forbids every file, TCP, and where the kernel knows how, signals and abstract sockets.

    Args:
        version: what `landlock_version` returned, at least 1.

    Returns:
        its descriptor, for `grant_files` and `restrict_files`.
    """
    bind_and_connect = 3 if version >= 4 else 0
    abstract_sockets_and_signals = 3 if version >= 6 else 0
    attributes = _RulesetAttributes(_governed(version), bind_and_connect, abstract_sockets_and_signals)
    return _check(
        _libc.syscall(
            ctypes.c_long(_SYS_LANDLOCK_CREATE_RULESET),
            ctypes.byref(attributes),
            ctypes.c_size_t(ctypes.sizeof(attributes)),
            0,
        )
    )


def grant_files(ruleset: int, grants: list[tuple[int, int]], version: int) -> None:
    """Except from a ruleset what `open_grants` returned; `version` is that of `make_ruleset`."""
    for parent, allowed in grants:
        rule = _PathBeneath(allowed & _governed(version), parent)
        _check(
            _libc.syscall(
                ctypes.c_long(_SYS_LANDLOCK_ADD_RULE), ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0
            )
        )


def restrict_files(ruleset: int) -> None:
    """Put this process under a ruleset, for good; needs no_new_privs."""
    _check(_libc.syscall(ctypes.c_long(_SYS_LANDLOCK_RESTRICT_SELF), ruleset, 0))
