# expects: refused
# category: descriptors
# control: reached
"""Open a descriptor of the service anew, whichever can be opened."""

import os


def main(service_pid, **_):
    for fd in range(256):
        try:
            os.open(f"/proc/{service_pid}/fd/{fd}", os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            continue
        return "reached"
    return "refused"
