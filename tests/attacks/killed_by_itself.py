# expects: script_exited
# category: processes
# control: any
"""Kill this process."""

import os
import signal


def main(**_):
    os.kill(os.getpid(), signal.SIGKILL)
    return "went on"
