# expects: refused
# category: files
# control: reached
"""Read the service's code."""

from pathlib import Path


def main(service_file, **_):
    try:
        Path(service_file).read_bytes()
    except OSError:
        return "refused"
    return "reached"
