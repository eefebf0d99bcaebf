"""How scripts are started in warm interpreters, and what that takes."""

from collections.abc import Sequence
from dataclasses import dataclass

# At most, with a spare: the streams of the one, and those of a jail of its own.
_JAIL_FILES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """How scripts are started in interpreters that are warm already.

    Attributes:
        spares: how many each zygote keeps ready; 0: each is forked when it is wanted.
        imports: what the second zygote has imported, for the scripts that import any of it; the first has imported
            nothing.
        recycle_scripts: how many scripts a zygote serves before another takes its place.
        recycle_seconds: how long it serves before another takes its place.
    """

    spares: int
    imports: Sequence[str] = ("numpy", "pandas")
    recycle_scripts: int = 10_000
    recycle_seconds: float = 24 * 3600.0


def most_open_files(concurrency: int, warm_start: WarmStart | None) -> int:
    """Return how many files a sandbox with these settings may have open at once.

    Each of the two zygotes keeps its spares; what runs at once is no more than `concurrency` in all.
    """
    return _JAIL_FILES * (concurrency + 2 * (warm_start.spares if warm_start else 0))
