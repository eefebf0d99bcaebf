# expects: script_exited
# category: processes
# control: any
"""End without a word."""

import os


def main(**_):
    os._exit(0)
    return "went on"
