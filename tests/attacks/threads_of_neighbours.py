# expects: refused or script_error
# category: resources
# control: reached
"""Have more threads than one script may, where those of all scripts are counted together."""

import threading
import time


def main(threads, **_):
    threading.stack_size(64 * 1024)
    try:
        for _ in range(threads):
            threading.Thread(target=time.sleep, args=(2,), daemon=True).start()
    except RuntimeError:
        return "refused"
    time.sleep(1)
    return "reached"
