# expects: timeout
# category: results
# control: any
# case stdout (results): {"fd": 1}
# case stderr (results): {"fd": 2}
"""Print without end."""

import os


def main(fd, **_):
    while fd:
        os.write(fd, b"x" * 65536)
    return "went on"
