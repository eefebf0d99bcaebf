# expects: script_exited
# category: results
# control: any
"""Claim an end that only the host may state."""

import os


def main(**_):
    os.write(3, b'{"end":"timeout","error":"it was the host"}')
    os._exit(0)
    return "went on"
