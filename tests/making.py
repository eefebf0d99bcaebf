"""How tests run make."""

import os
import subprocess
from pathlib import Path

# Options that keep make from installing anything.
INSTALLED = ("--assume-old=.venv/installed-dev", "--assume-old=.venv-sandbox/installed")


def make(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run make in a folder, without the variables of a make that may have started these tests."""
    of_make = ("MAKE", "MFLAGS", "PYTHON", "ARGS", "ATTACK", "URL")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(of_make)}
    return subprocess.run(
        ["make", "--no-print-directory", "-C", str(folder), *arguments],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
