# expects: refused or script_error
# category: resources
# control: reached
# case alone (resources): {}
# case under_the_name_of_their_number (resources): {"name": "\rThreads:\t1"}
"""Have more threads than one script may, where those of all scripts are counted together."""

import ctypes
import threading
import time

PR_SET_NAME = 15


def main(threads, name="x", **_):
    ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode(), 0, 0, 0)
    threading.stack_size(64 * 1024)
    try:
        for _ in range(threads):
            threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
    except RuntimeError:
        return "refused"
    time.sleep(1)
    return "reached"
