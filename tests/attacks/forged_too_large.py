# expects: result_too_large
# category: results
# control: any
# case result (results): {"head": "{'end':'returned','result':'", "tail": "'}"}
# case error (results): {"head": "{'end':'script_error','error':'", "tail": "'}"}
# case key (results): {"head": "{'end':'returned','result':1,'", "tail": "':1}"}
# case garbage (results): {"head": "", "tail": ""}
"""Write more into the channel of the result than there is room for, and go."""

import os


def main(result_mb, head, tail, **_):
    left = memoryview((head + "x" * (result_mb + 1) * 2**20 + tail).replace("'", '"').encode())
    while left:
        left = left[os.write(3, left) :]
    os._exit(0)
    return "went on"
