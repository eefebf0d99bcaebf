# expects: timeout
# category: processes
# control: any
"""Ignore every signal that can be ignored, and stay."""

import signal


def main(**_):
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except OSError:
            continue
    while signal:
        pass
    return "went on"
