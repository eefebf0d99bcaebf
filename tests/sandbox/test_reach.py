"""The service names a folder that is closed to the users of scripts, instead of what fails because of it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox.host.reach import find_closed
from tests.conftest import ROOT, Serve


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can reach, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_first_closed_part_of_a_path_is_found(open_folder: Path) -> None:
    inner = open_folder / "outer" / "inner"
    inner.mkdir(parents=True)
    file = inner / "file"
    file.touch(0o644)
    assert find_closed([file, inner]) == ""
    for part, mode in ((inner, 0o700), (inner.parent, 0o750), (file, 0o600)):
        before = part.stat().st_mode
        part.chmod(mode)
        assert find_closed([file]) == f"{part} (mode {mode:04o})"
        part.chmod(before)
    # With mode 0711 others may pass through the folder, but not list it.
    inner.chmod(0o711)
    assert find_closed([file]) == ""
    assert find_closed([inner]) == f"{inner} (mode 0711)"


def test_links_are_followed(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(0o700)
    (closed / "file").touch(0o644)
    (open_folder / "link").symlink_to(closed / "file")
    assert find_closed([open_folder / "link"]) == f"{closed} (mode 0700)"


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.parametrize("level", ["namespaces", "seccomp"])
def test_health_names_the_closed_folder_of_a_python(level: str, open_folder: Path, new_server: Serve) -> None:
    closed = open_folder / "closed"
    subprocess.run(["/usr/bin/python3.11", "-m", "venv", "--without-pip", str(closed / "venv")], check=True)
    closed.chmod(0o700)
    server = new_server(
        without_namespaces=level == "seccomp",
        SANDBOX_PYTHON=str(closed / "venv" / "bin" / "python"),
        SANDBOX_WARM_IMPORTS="",
    )
    health = requests.get(f"{server.url}/health", timeout=60).json()
    assert health["isolation"] == level
    named = [layer for layer in health["missing"] if f": {closed} (mode 0700) is closed to " in layer]
    expected = {"namespaces"} if level == "namespaces" else {"namespaces", "packages"}
    assert {layer.partition(":")[0] for layer in named} == expected
    assert all("chmod o+rx" in layer for layer in named)
    assert server.post("def main():\n    return 1").json()["result"] == 1
    server.stop()


@pytest.mark.needs_root
def test_the_launcher_names_the_folder_that_is_closed_to_the_server(open_folder: Path) -> None:
    closed = open_folder / "closed"
    for part in ("policy", "sandbox", "service", "nsjail"):
        shutil.copytree(ROOT / part, closed / part)
    shutil.copy(ROOT / "main.py", closed)
    closed.chmod(0o700)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(closed)}
    command = [sys.executable, "-m", "service.launcher"]
    done = subprocess.run(command, cwd=closed, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"who cannot read {closed} (mode 0700)" in done.stderr
    assert "Traceback" not in done.stderr
