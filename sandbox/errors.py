"""The errors of the sandbox. What a script does is never an error here: it is an `Outcome`.

SandboxError
├── SandboxUnavailable   no script can be run safely, or the jail exited under one
│   ├── ImportFailed     a zygote cannot import a module
│   ├── SpareDied        a spare died before its script began: the script may run elsewhere
│   └── OrderFailed      a jail could not make one more spare; its scripts go on
└── Overloaded           every slot is busy and the queue is full
"""


class SandboxError(Exception):
    """The base of everything that this package raises."""


class SandboxUnavailable(SandboxError):
    """Scripts cannot be run as safely as the operator demands, or the jail failed under this one.

    The message is for the operator: which layer failed, why, and what mends it.
    """


class ImportFailed(SandboxUnavailable):
    """A zygote cannot import a module that the operator names."""


class SpareDied(SandboxUnavailable):
    """A spare died when it got its script, before the script began."""


class OrderFailed(SandboxUnavailable):
    """A jail could not make the spare that was ordered, since the host has run out of something."""


class Overloaded(SandboxError):
    """Every slot is busy and the queue is full.

    Attributes:
        retry_after_seconds: when a slot is likely to be free.
    """

    def __init__(self, retry_after_seconds: int) -> None:
        """Remember when to try again, in seconds."""
        super().__init__(f"Every slot is busy and the queue is full; try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds
