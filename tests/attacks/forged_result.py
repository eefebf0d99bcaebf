# expects: script_exited
# category: results
# control: any
"""Write into the channel of the result, and go."""

import os


def main(**_):
    os.write(3, b'{"end":"returned","result":[NaN,]}')
    os._exit(0)
    return "went on"
