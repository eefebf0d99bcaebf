# expects: script_exited
# category: results
# control: any
# case kill (results): {"number": 9}
# case segmentation (results): {"number": 11}
# case abort (results): {"number": 6}
# case cpu_limit (results): {"number": 24}
# case bad_call (results): {"number": 31}
# case real_time (results): {"number": 64}
"""Write a good result, and die by a signal of one's own."""

import os
import signal


def main(number, **_):
    os.write(3, b'{"end":"returned","result":1}')
    if number != signal.SIGKILL:
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    return "went on"
