"""The messages between the host and a jail.

A jail sends lines of JSON, which the host validates like all that comes out of a jail. The host sends `marshal` texts,
each after its length in 8 bytes: marshal carries bytes at the least cost, and the jail may trust the host. An `Order`
is three integers instead, because it may come from a process with fewer privileges than the supervisor's.

| channel | to the jail | from the jail |
| --- | --- | --- |
| the jail's control socket | the jail-side modules, a `Setup`, an `Order` for each spare | `Warm` once a zygote is, `Ready` for each order, with the spare's descriptors |
| the spare's control socket | `LOCATE`, `KILL`; its end kills the spare too | an `ExitReport`; its end when the spare has released what it held |
| the spare's job pipe | `WAKE`, then a `Script` | |
| the spare's result channel | | one envelope (pool/judge.py); after `LOCATE` the script's frames (pool/location.py) |
"""  # noqa: E501 (a table)

from typing import TypedDict

import msgspec

KILL = b"K"
LOCATE = b"L"
WAKE = b"W"
_LENGTH_BYTES = 8


def frame(text: bytes) -> bytes:
    """Return a text with its length in front, as the jail reads it."""
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text


class JailLimits(TypedDict):
    """The limits that the jail enforces; see `sandbox.limits.Limits`, which has more."""

    cpu_seconds: int
    memory_bytes: int
    result_bytes: int
    scratch_bytes: int
    open_files: int
    threads: int


class Setup(TypedDict):
    """What every script of a jail has in common.

    Attributes:
        site_packages: the scripts' packages, as the jail sees the folder.
        filter: the script's compiled seccomp filter; empty if seccomp is missing.
        landlock_version: 0 if Landlock is missing.
        grants: what Landlock lets every script reach: a path and the rights beneath it.
        zygote: whether the jail's first process warms up and forks a spare for every order; if not, it supervises the
            one spare of the one order that comes.
        warm_imports: the modules that a zygote imports first.
        own_namespaces: whether every spare of a zygote has namespaces of its own inside the jail's.
        first_uid, uids: the user ids of scripts, as the jail sees them: the first and how many; the first is None if
            scripts keep that of the jail's first process.
        scratch: the scratch folder, as the jail sees it.
        own_scratch: whether `scratch` holds a folder for each spare, which the supervisor makes, watches and removes;
            if not, it is a file system of the spare's own, which the kernel bounds and removes.
        limits: what every script may use.
    """

    site_packages: str
    filter: bytes
    landlock_version: int
    grants: list[tuple[str, int]]
    zygote: bool
    warm_imports: list[str]
    own_namespaces: bool
    first_uid: int | None
    uids: int
    scratch: str
    own_scratch: bool
    limits: JailLimits


class Order(TypedDict):
    """What one spare has of its own.

    Attributes:
        uid_index: an index into the scripts' user ids that no other living spare has; the name of its scratch folder
            follows from it too.
        address_space_bytes: how much address space the jail's first process takes; a script's memory is added to it.
        tasks: how many processes and threads its user may have in all.
    """

    uid_index: int
    address_space_bytes: int
    tasks: int


_ORDER_INTEGER_BYTES = 8


def pack(order: Order) -> bytes:
    """Return an order as the host sends it: three integers, in the order of the fields."""
    integers = (order["uid_index"], order["address_space_bytes"], order["tasks"])
    return b"".join(integer.to_bytes(_ORDER_INTEGER_BYTES, "big") for integer in integers)


class Script(TypedDict):
    """A script and the JSON object of its `main`'s keyword arguments."""

    source: str
    args: str


class Warm(msgspec.Struct, frozen=True):
    """A zygote's first message: it is warm, or the `failure` tells what it cannot import."""

    failure: str = ""


class Ready(msgspec.Struct, frozen=True):
    """The supervisor's answer to an order: a spare waits for a script, or the `failure` tells why there is none."""

    failure: str


class ExitReport(msgspec.Struct, frozen=True):
    """The supervisor's report of how a script ended.

    Attributes:
        status: the wait status, see wait(2); a script that is done has stopped.
        cpu_seconds, peak_memory_bytes: what the script used beyond what its process had used before its first line.
        over_scratch: whether the supervisor killed it because its scratch folder grew over the limit.
    """

    status: int
    cpu_seconds: float
    peak_memory_bytes: int
    over_scratch: bool
