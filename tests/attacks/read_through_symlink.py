# expects: refused
# category: files
# control: reached
"""Follow a link out of the scratch folder."""

import os
from pathlib import Path


def main(secret_file, **_):
    try:
        os.symlink(secret_file, "link")
        Path("link").read_bytes()
    except OSError:
        return "refused"
    return "reached"
