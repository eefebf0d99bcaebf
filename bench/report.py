"""What every report says of itself: when, of which commit and on which machine it was measured."""

import datetime
import os
import platform
import re
import subprocess
from pathlib import Path

from .servers import ROOT


def heading() -> str:
    """Return the first sentence of a report; to be asked for before anything is written, which changes the commit."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC, commit {_commit()}, {_machine()}."


def _commit() -> str:
    """Name the commit, and say whether files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _machine() -> str:
    """Describe the machine."""
    model = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGESIZE") / 2**30
    cpus = f"{len(os.sched_getaffinity(0))} CPUs ({model.group(1) if model else platform.machine()})"
    return f"{cpus}, {memory_gib:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}"
