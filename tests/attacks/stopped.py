# expects: script_exited
# category: processes
# control: any
"""Stop instead of ending."""

import os
import signal


def main(**_):
    os.kill(os.getpid(), signal.SIGSTOP)
    return "went on"
