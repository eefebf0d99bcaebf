# expects: refused
# category: processes
# control: reached
"""Run a program."""

import subprocess


def main(**_):
    try:
        subprocess.run(["/bin/true"])
    except OSError:
        return "refused"
    return "reached"
