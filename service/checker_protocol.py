"""The messages between the server and the processes that check scripts.

Each message is its length, `LENGTH_BYTES` long and big-endian, and its text.

1. Over the checker zygote's socket: the server sends `Setup` as JSON, and the zygote answers `READY`, bare. Then the
   server sends one byte for each checker, `FAST` or `SLOW`, and the zygote answers with the checker's process id in
   digits, its socket, and a pidfd of it (pidfd_open(2)).
2. Over a checker's socket: the server sends a script in UTF-8, lone surrogates passed through, and the checker answers
   with a `Verdict` as JSON.
"""

import msgspec

from policy import Report
from policy.rules import Rule

LENGTH_BYTES = 8
READY = b"R"
FAST, SLOW = b"f", b"s"


class Setup(msgspec.Struct, frozen=True):
    """What the server tells the zygote.

    Attributes:
        rules: the policy's, validated.
        script_bytes: the longest script.
        memory_bytes: what a checker may have above what the zygote has.
        fast_cpu_seconds, slow_cpu_seconds: the CPU time that one check may take, in a checker of either tier.
    """

    rules: tuple[Rule, ...]
    script_bytes: int
    memory_bytes: int
    fast_cpu_seconds: float
    slow_cpu_seconds: float


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a checker says about a script.

    Attributes:
        report: the policy's; None if the check itself failed.
        fault: how it failed, without any text of the script.
        retires: whether the checker exits now, because it has grown and a new one is small.
    """

    report: Report | None = None
    fault: str = ""
    retires: bool = False
