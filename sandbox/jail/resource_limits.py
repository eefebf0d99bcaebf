"""The resource limits of one script; see getrlimit(2)."""

from __future__ import annotations

import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sandbox.protocol import Order, Setup

# What a script that catches or ignores the signal of its CPU limit gains by it.
_CPU_GRACE_SECONDS = 1


# In the order of their values below, with what may be set at most, which is the same for all spares of a zygote.
_HARD = [
    (which, resource.getrlimit(which)[1])
    for which in (
        resource.RLIMIT_AS,
        resource.RLIMIT_CPU,
        resource.RLIMIT_FSIZE,
        resource.RLIMIT_NOFILE,
        resource.RLIMIT_NPROC,
        resource.RLIMIT_CORE,
        resource.RLIMIT_MEMLOCK,
        resource.RLIMIT_MSGQUEUE,
        resource.RLIMIT_SIGPENDING,
    )
]


def set_resource_limits(setup: Setup, order: Order) -> None:
    """Set every limit, soft and hard alike, so that the script cannot raise one.

    The soft limit of CPU time alone is lower: it ends a script by SIGXCPU, which a script may catch.
    A script's memory comes on top of what the interpreter itself takes.
    """
    wanted = (
        order["address_space_bytes"] + setup["memory_bytes"],
        setup["cpu_seconds"] + _CPU_GRACE_SECONDS,
        # A single file that would fill the scratch folder is an ordinary OSError: Python ignores SIGXFSZ.
        setup["scratch_bytes"],
        setup["open_files"],
        order["tasks"],
        0,
        0,
        0,
        setup["threads"],
    )
    for (which, hard), value in zip(_HARD, wanted, strict=True):
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        soft = min(setup["cpu_seconds"], allowed) if which == resource.RLIMIT_CPU else allowed
        resource.setrlimit(which, (soft, allowed))
