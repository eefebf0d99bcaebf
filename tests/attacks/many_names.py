# expects: refused or script_error
# category: resources
# control: any
# case symlinks (resources): {"act": "symlinks"}
# case folders (resources): {"act": "folders"}
# case long_names (resources): {"act": "long_names"}
# case long_links (resources): {"act": "long_links"}
"""Fill the file system with names, of which the shortest takes a file's place."""

import os
import time

ACTS = {
    "symlinks": lambda number: os.symlink("x", f"{number}"),
    "folders": lambda number: os.mkdir(f"{number}"),
    "long_names": lambda number: open(f"{number:0255}", "x").close(),
    "long_links": lambda number: os.symlink("x" * 4000, f"{number}"),
}


def main(act, **_):
    try:
        for number in range(20000):
            ACTS[act](number)
    except OSError:
        return "refused"
    time.sleep(1)
    return "reached"
