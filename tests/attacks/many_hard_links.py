# expects: refused or script_error or slow
# category: resources
# control: any
"""Give one file more names than there may be files."""

import os
import time


def main(**_):
    open("file", "x").close()
    until = time.monotonic() + 8
    try:
        for number in range(20000):
            os.link("file", f"{number:0255}")
            if time.monotonic() > until:
                return "slow"
    except OSError:
        return "refused"
    time.sleep(1)
    return "reached"
