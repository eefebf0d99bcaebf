"""The resource limits of one script; see getrlimit(2)."""

from __future__ import annotations

import resource

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sandbox.messages import Order, Setup

# What a script that catches or ignores the signal of its CPU limit gains by it.
_CPU_GRACE_SECONDS = 1


def set_resource_limits(setup: Setup, order: Order) -> None:
    """Set every limit, soft and hard alike, so that the script cannot raise one.

    The soft limit of CPU time alone is lower: it ends a script by SIGXCPU, which a script may catch.
    A script's memory comes on top of what the interpreter itself takes.
    """
    wanted = [
        (resource.RLIMIT_AS, order["address_space_bytes"] + setup["memory_bytes"]),
        (resource.RLIMIT_CPU, setup["cpu_seconds"] + _CPU_GRACE_SECONDS),
        # A single file that would fill the scratch folder is an ordinary OSError: Python ignores SIGXFSZ.
        (resource.RLIMIT_FSIZE, setup["scratch_bytes"]),
        (resource.RLIMIT_NOFILE, setup["open_files"]),
        (resource.RLIMIT_NPROC, order["tasks"]),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_SIGPENDING, setup["threads"]),
    ]
    for which, value in wanted:
        hard = resource.getrlimit(which)[1]
        allowed = value if hard == resource.RLIM_INFINITY else min(value, hard)
        soft = min(setup["cpu_seconds"], allowed) if which == resource.RLIMIT_CPU else allowed
        resource.setrlimit(which, (soft, allowed))
