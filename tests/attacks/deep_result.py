# expects: script_exited
# category: results
# control: any
"""Break the host's decoder with a nested result."""

import os


def main(**_):
    os.write(3, b'{"end":"returned","result":' + b"[" * 200000 + b"]" * 200000 + b"}")
    os._exit(0)
    return "went on"
