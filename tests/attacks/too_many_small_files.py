# expects: refused or script_error
# category: resources
# control: any
"""Fill the scratch folder with names."""

import time


def main(**_):
    try:
        for number in range(20000):
            open(f"file{number}", "x").close()
    except OSError:
        return "refused"
    time.sleep(1)
    return "reached"
