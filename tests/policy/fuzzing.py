"""How long the fuzzers run: a fixed number of rounds, or FUZZ_SECONDS seconds with new seeds."""

import os
import random
import time
from collections.abc import Iterator

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))


def rounds(count: int) -> Iterator[random.Random]:
    """Give each round its source of random choices, whose seed every failure shows.

    Args:
        count: how many rounds there are if FUZZ_SECONDS is not set.
    """
    if not SECONDS:
        yield from (random.Random(seed) for seed in range(count))
        return
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        seed = random.SystemRandom().randrange(2**32)
        print(f"seed {seed}")
        yield random.Random(seed)
