"""What the server and the processes that check scripts say to each other.

Each message is its length, `LENGTH_BYTES` long and big-endian, and its text.

1. Over the checker zygote's socket: `Setup` as JSON, and back comes `READY`, bare. Then a byte for each order, `QUICK`
   or `PATIENT`, and back come the checker's process id in digits, its socket, and a pidfd of it (pidfd_open(2)).
2. Over a checker's socket: a script in UTF-8, lone surrogates passed through, and back comes an `Answer` as JSON.
"""

import msgspec

from policy import Report
from policy.rules import Rule

LENGTH_BYTES = 8
READY = b"R"
QUICK, PATIENT = b"q", b"p"


class Setup(msgspec.Struct, frozen=True):
    """What the server tells the zygote.

    Attributes:
        rules: the policy's, validated.
        script_bytes: the longest script.
        memory_bytes: what a checker may have above what the zygote has.
        quick_seconds, patient_seconds: the CPU time that one check may take, in a checker of either kind.
    """

    rules: tuple[Rule, ...]
    script_bytes: int
    memory_bytes: int
    quick_seconds: float
    patient_seconds: float


class Verdict(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a checker says of a script.

    Attributes:
        report: the policy's; None if the check itself failed.
        fault: how it failed, without a word of the script.
        last: whether the checker ends now: it has grown, and a new one is small.
    """

    report: Report | None = None
    fault: str = ""
    last: bool = False
