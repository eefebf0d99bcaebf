# expects: refused
# category: processes
# control: any
"""Slow the service down."""

import os


def main(service_pid, **_):
    try:
        os.setpriority(os.PRIO_PROCESS, service_pid, 19)
    except OSError:
        return "refused"
    return "reached"
