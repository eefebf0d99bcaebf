"""What can go wrong on the service's side. What a script does is never an exception: it is an `Outcome`.

SandboxError
├── SandboxUnavailable   no script can be run safely, or the jail died under one
│   ├── ImportFailed     what a zygote is to import cannot be imported
│   ├── SpareDied        it died as it took its script, which may be run elsewhere
│   └── OrderFailed      a jail could not make one more spare, while what runs in it goes on
└── Overloaded           every slot is busy and the queue is full
"""


class SandboxError(Exception):
    """The base of everything that this package raises."""


class SandboxUnavailable(SandboxError):
    """Scripts cannot be run as safely as the operator demands, or the jail failed under this one.

    The message is for the operator: which layer failed, why, and what would mend it.
    """


class ImportFailed(SandboxUnavailable):
    """A zygote cannot import what the operator has named for it."""


class SpareDied(SandboxUnavailable):
    """A spare was dying when it was given its script, and nothing has come of the script."""


class OrderFailed(SandboxUnavailable):
    """A jail could not make the spare that was ordered, for the machine has run out of something."""


class Overloaded(SandboxError):
    """Every slot is busy and the queue is full.

    Attributes:
        retry_after_seconds: when a slot is likely to be free.
    """

    def __init__(self, retry_after_seconds: int) -> None:
        """Remember when to try again, in seconds."""
        super().__init__(f"Every slot is busy and the queue is full; try again in {retry_after_seconds} s.")
        self.retry_after_seconds = retry_after_seconds
