"""How scripts start in warm interpreters, and how many files that takes."""

from collections.abc import Sequence
from dataclasses import dataclass

# The most files for one spare: its streams, and those of a jail of its own.
_JAIL_FILES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmStart:
    """How scripts start in interpreters that are warm already.

    Attributes:
        spares: how many each zygote keeps ready; with 0 each is forked when a script needs it.
        imports: what the second zygote imports, for the scripts that import any of it; the first imports nothing.
        recycle_scripts: how many scripts a zygote serves before another replaces it.
        recycle_seconds: how long it serves before another replaces it.
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
