"""What the host and the jail say to each other.

From the jail come lines of JSON, which the host checks like anything that comes out of a jail. To the jail go a length
of 8 bytes and a `marshal` text, the cheapest thing that carries bytes, where who reads it may trust who sends it. An
order is three numbers, because it may come from a process with fewer privileges than the supervisor's.

1. Over the jail's control socket: the jail-side modules, `Setup`, an `Order` for a spare.
   Back comes `{}` when a zygote is warm, or as its `failure` what it cannot import, and for each spare `Ready`, with
   the descriptors for what follows, or with why there is none.
2. Over the spare's own control socket: at its end a `Report`, and the end of the stream when it has given back what it
   held. `KILL`, or the end of the stream, ends the spare; `LOCATE` has it say where its script is, up its result
   channel (sandbox/pool/location.py).
3. Down the spare's job pipe: `WAKE` and one `Script`. Up its result channel: one envelope (sandbox/pool/judge.py).
"""

from typing import TypedDict

KILL = b"K"
LOCATE = b"L"
WAKE = b"W"
_LENGTH_BYTES = 8


def frame(text: bytes) -> bytes:
    """Return a text with its length before it, as the jail reads it."""
    return len(text).to_bytes(_LENGTH_BYTES, "big") + text


class Setup(TypedDict):
    """What is the same for every script of a jail.

    Attributes:
        site_packages: the scripts' packages, as the jail sees the folder.
        filter: the script's compiled seccomp filter; empty where seccomp cannot be had.
        landlock_version: 0 where Landlock cannot be had.
        grants: what Landlock lets every script reach: a path and the rights beneath it.
        zygote: whether the jail's first process is to warm up and fork a spare for every order, or to supervise the one
            spare of the one order that comes.
        warm_imports: the modules that a zygote imports first.
        own_namespaces: whether every spare of a zygote is to have namespaces of its own inside the jail's.
        first_uid, uids: the user ids of scripts, as the jail sees them: the first and how many; the first is None where
            scripts keep that of the jail's first process.
        scratch: the scratch folder, as the jail sees it.
        own_scratch: whether `scratch` holds a folder for each spare, which the supervisor has to make, watch and
            remove, or (False) is itself a file system of the spare's own, which the kernel bounds and removes.
        memory_bytes, cpu_seconds, result_bytes, scratch_bytes, open_files, threads: see `sandbox.limits.Limits`.
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
    memory_bytes: int
    cpu_seconds: int
    result_bytes: int
    scratch_bytes: int
    open_files: int
    threads: int


class Order(TypedDict):
    """What one spare is to have of its own.

    Attributes:
        number: one that no other living spare has; its user id and the name of its scratch folder follow from it.
        address_space_bytes: what the jail's first process takes of the address space; a script's memory comes on top.
        tasks: how many processes and threads its user may have in all.
    """

    number: int
    address_space_bytes: int
    tasks: int


ORDER_NUMBER_BYTES = 8


def pack(order: Order) -> bytes:
    """Return an order as it is sent: its three numbers, in the order of the fields."""
    numbers = (order["number"], order["address_space_bytes"], order["tasks"])
    return b"".join(number.to_bytes(ORDER_NUMBER_BYTES, "big") for number in numbers)


class Script(TypedDict):
    """A script and the JSON object of its `main`'s keyword arguments."""

    source: str
    args: str
