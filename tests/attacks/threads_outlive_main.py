# expects: refused
# category: processes
# control: any
"""Leave threads behind that never end."""

import threading
import time


def stay():
    while True:
        time.sleep(1)


def main(**_):
    for _ in range(8):
        threading.Thread(target=stay).start()
    return "refused"
