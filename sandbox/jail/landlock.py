"""Landlock: forbids a process every file, and grants some again; see landlock(7).

Every function raises OSError if the kernel refuses.
"""

import ctypes
import os

from .kernel import check, libc

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
# The rights to a file; the others are for folders.
_OF_A_FILE = READ_FILE | _WRITE_FILE | _TRUNCATE

# The first version of the interface that knows truncation.
TRUNCATE_VERSION = 3

# How many LANDLOCK_ACCESS_FS_* bits each version of the interface knows; later versions know at least the last.
_FS_BITS_BY_VERSION = (0, 13, 14, 15, 15, 16)


def version() -> int:
    """Return the version of the kernel's Landlock interface; 0 if it has none."""
    found = libc.syscall(
        ctypes.c_long(_SYS_LANDLOCK_CREATE_RULESET), None, ctypes.c_size_t(0), _LANDLOCK_CREATE_RULESET_VERSION
    )
    return max(int(found), 0)


class _RulesetAttributes(ctypes.Structure):
    """struct landlock_ruleset_attr; an older kernel accepts this longer form if the fields that it lacks are zero."""

    _fields_ = (("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    """struct landlock_path_beneath_attr."""

    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def open_grants(grants: list[tuple[str, int]]) -> list[tuple[int, int]]:
    """Open the paths for `grant`; this takes longer than `grant` itself.

    Args:
        grants: a path and the rights to everything beneath it (`READ`, `DEVICE`, `SCRATCH`).

    Returns:
        a descriptor and the same rights; for a file without the rights that only a folder can have.
    """
    opened = []
    for path, allowed in grants:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        opened.append((fd, allowed if os.path.isdir(path) else allowed & _OF_A_FILE))
    return opened


def _governed(version: int) -> int:
    """Return the rights to files that a version of Landlock knows."""
    return (1 << _FS_BITS_BY_VERSION[min(version, len(_FS_BITS_BY_VERSION) - 1)]) - 1


def make_ruleset(version: int) -> int:
    """Make a ruleset that forbids every file and TCP, and if the kernel can, signals and abstract sockets.

    Args:
        version: the kernel's version, at least 1.

    Returns:
        the descriptor of the ruleset, for `grant` and `restrict`.
    """
    bind_and_connect = 3 if version >= 4 else 0
    abstract_sockets_and_signals = 3 if version >= 6 else 0
    attributes = _RulesetAttributes(_governed(version), bind_and_connect, abstract_sockets_and_signals)
    return check(
        libc.syscall(
            ctypes.c_long(_SYS_LANDLOCK_CREATE_RULESET),
            ctypes.byref(attributes),
            ctypes.c_size_t(ctypes.sizeof(attributes)),
            0,
        )
    )


def grant(ruleset: int, grants: list[tuple[int, int]], version: int) -> None:
    """Add to a ruleset what `open_grants` returned; for `version` see `make_ruleset`."""
    for parent, allowed in grants:
        rule = _PathBeneath(allowed & _governed(version), parent)
        check(
            libc.syscall(
                ctypes.c_long(_SYS_LANDLOCK_ADD_RULE), ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0
            )
        )


def restrict(ruleset: int) -> None:
    """Put this process under a ruleset for good; needs no_new_privs."""
    check(libc.syscall(ctypes.c_long(_SYS_LANDLOCK_RESTRICT_SELF), ruleset, 0))
