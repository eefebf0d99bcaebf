# expects: refused
# category: processes
# control: any
"""Slow the service down; it gets the priority that it has."""

import os


def main(service_pid, **_):
    try:
        os.setpriority(os.PRIO_PROCESS, service_pid, os.getpriority(os.PRIO_PROCESS, service_pid))
    except OSError:
        return "refused"
    return "reached"
