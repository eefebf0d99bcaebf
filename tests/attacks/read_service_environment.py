# expects: refused
# category: processes
# control: reached
"""Read the service's environment."""

from pathlib import Path


def main(service_pid, **_):
    try:
        Path(f"/proc/{service_pid}/environ").read_bytes()
    except OSError:
        return "refused"
    return "reached"
