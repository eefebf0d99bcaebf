# expects: refused or script_error or slow
# category: resources
# control: any
"""Fill the scratch folder with names."""

import time


def main(**_):
    until = time.monotonic() + 8
    try:
        for number in range(20000):
            open(f"file{number}", "x").close()
            if time.monotonic() > until:
                return "slow"
    except OSError:
        return "refused"
    time.sleep(1)
    return "reached"
