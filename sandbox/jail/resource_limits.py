"""The resource limits of one script; see getrlimit(2)."""

from __future__ import annotations

import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sandbox.protocol import JailLimits, Order

# How much longer a script may run if it catches or ignores the signal of its CPU limit.
_CPU_GRACE_SECONDS = 1


# In the order of their values below, with the hard limits, which are the same for all spares of a zygote.
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


def set_resource_limits(limits: JailLimits, order: Order) -> None:
    """Set every limit, soft and hard alike, so that the script cannot raise one.

    Only the soft limit of CPU time is lower: there the kernel sends SIGXCPU, which a script may catch.
    A script's memory is added to what the interpreter takes.
    """
    wanted = (
        order["address_space_bytes"] + limits["memory_bytes"],
        limits["cpu_seconds"] + _CPU_GRACE_SECONDS,
        # A single file that fills the scratch folder gets an ordinary OSError: Python ignores SIGXFSZ.
        limits["scratch_bytes"],
        limits["open_files"],
        order["tasks"],
        0,
        0,
        0,
        limits["threads"],
    )
    for (which, hard), value in zip(_HARD, wanted, strict=True):
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        soft = min(limits["cpu_seconds"], allowed) if which == resource.RLIMIT_CPU else allowed
        resource.setrlimit(which, (soft, allowed))
