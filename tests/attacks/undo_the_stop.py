# expects: refused
# category: processes
# control: any
"""Go on although the jail stops the script at its deadline, by threads that continue it again and again."""

import os
import signal
import threading


def continue_for_ever():
    while True:
        os.kill(os.getpid(), signal.SIGCONT)


def main(**_):
    try:
        os.kill(os.getpid(), signal.SIGCONT)
    except PermissionError:
        return "refused"
    for _ in range(8):
        threading.Thread(target=continue_for_ever, daemon=True).start()
    continue_for_ever()
    return "went on"
