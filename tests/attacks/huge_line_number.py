# expects: script_exited
# category: results
# control: any
"""Break the host's encoder with a number."""

import os


def main(**_):
    os.write(3, b'{"end":"script_error","error":"x","line":' + b"9" * 300 + b"}")
    os._exit(0)
    return "went on"
