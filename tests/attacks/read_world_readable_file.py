# expects: refused
# category: files
# control: reached
"""Read a file that every user of the machine may read."""

from pathlib import Path


def main(secret_file, **_):
    try:
        Path(secret_file).read_bytes()
    except OSError:
        return "refused"
    return "reached"
