# expects: refused or script_error
# category: resources
# control: any
"""Start threads until there are no more."""

import threading
import time


def main(threads, **_):
    started = 0
    try:
        for _ in range(threads * 8):
            threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
            started += 1
    except RuntimeError:
        return "refused"
    return started
