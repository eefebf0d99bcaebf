# expects: refused
# category: processes
# control: reached
"""Signal the service."""

import os


def main(service_pid, **_):
    try:
        os.kill(service_pid, 0)
    except OSError:
        return "refused"
    return "reached"
