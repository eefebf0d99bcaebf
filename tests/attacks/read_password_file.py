# expects: refused
# category: files
# control: reached
"""Read the list of users."""

from pathlib import Path


def main(**_):
    try:
        Path("/etc/passwd").read_bytes()
    except OSError:
        return "refused"
    return "reached"
