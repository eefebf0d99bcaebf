# expects: refused or script_error
# category: resources
# control: any
"""Give one file more names than there may be files."""

import os
import time


def main(**_):
    open("file", "x").close()
    try:
        for number in range(20000):
            os.link("file", f"{number:0255}")
    except OSError:
        return "refused"
    time.sleep(1)
    return "reached"
