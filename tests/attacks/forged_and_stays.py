# expects: timeout
# category: results
# control: any
# case partial (results): {"text": "{'end':'returned','resu"}
# case whole (results): {"text": "{'end':'returned','result':1}"}
# case closed (results): {"text": "{'end':'returned','result':1}", "close": true}
"""Write a result, or a part of one, and never end."""

import os
import time


def main(text, close=False, **_):
    os.write(3, text.replace("'", '"').encode())
    if close:
        os.closerange(0, 4)
    while time:
        time.sleep(1)
    return "went on"
