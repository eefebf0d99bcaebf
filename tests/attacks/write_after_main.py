# expects: script_exited or 1
# category: results
# control: any
# case bytes (results): {"text": "x"}
# case results (results): {"text": "{'end':'returned','result':2}"}
"""Go on writing into the channel of the result, from a thread, when `main` has returned."""

import os
import threading


def write(text):
    while True:
        os.write(3, text)


def main(text, **_):
    threading.Thread(target=write, args=(text.replace("'", '"').encode(),), daemon=True).start()
    return 1
