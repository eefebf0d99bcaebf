"""The supervisor, as the kernel shows it outside the jail: its capabilities, its descriptors, and its death."""

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from tests.conftest import Serve, Server
from tests.sandbox.conftest import LEVELS, WAIT, running, start_at_level
from tests.sandbox.test_layers import level_and_mode, status_of

pytestmark = [pytest.mark.needs_root, pytest.mark.slow]

# The bits of capabilities(7).
CHOWN, DAC_OVERRIDE, FOWNER, KILL, SETGID, SETUID, SYS_ADMIN = (1 << bit for bit in (0, 1, 3, 5, 6, 7, 21))
OWN_USERS = KILL | SETGID | SETUID
# What a supervisor of nsjail keeps, by level and by the service's user.
KEPT = {
    ("namespaces", "root"): OWN_USERS | SYS_ADMIN,
    ("namespaces", "user"): SYS_ADMIN,
    ("seccomp", "root"): OWN_USERS | CHOWN | DAC_OVERRIDE | FOWNER,
    ("seccomp", "user"): 0,
}


# Runs until somebody kills it, whatever becomes of its folder.
RUN_ON = """
import os, time

def main():
    os.mkdir("here")
    while True:
        time.sleep(0.01)
    return 1
"""


def supervisor_of(script: psutil.Process) -> psutil.Process:
    parent = script.parent()
    assert parent is not None
    return parent


def test_the_supervisor_has_exactly_these_capabilities(
    jailed: Server, user: int | None, request: pytest.FixtureRequest
) -> None:
    level, _ = level_and_mode(request)
    with running(jailed, WAIT) as (script, answer):
        status = status_of(supervisor_of(script))
    assert answer.result()["result"] == "done"
    sets = {name: int(status[name], 16) for name in ("CapPrm", "CapEff", "CapInh", "CapAmb", "CapBnd")}
    if level == "process":
        # Nothing but the script's own set-up drops them: the supervisor keeps what the service has.
        service = status_of(jailed.main)
        assert sets == {name: int(service[name], 16) for name in sets}
        return
    kept = KEPT[level, "root" if user is None else "user"]
    assert {sets[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {kept}
    if (level, user is None) != ("seccomp", False):  # there the kernel lets nobody drop them, nor use them
        assert sets["CapBnd"] == kept


@pytest.mark.parametrize("level", LEVELS)
def test_scripts_die_with_their_supervisor(level: str, serve: Serve, no_rules: Path) -> None:
    server = start_at_level(serve, level, "warm", user=None, POLICY_FILE=str(no_rules))
    assert server.isolation() == level
    with contextlib.suppress(FileNotFoundError), running(server, RUN_ON) as (script, answer):
        time.sleep(0.3)  # a script whose jail dies earlier than this runs again in a cold one
        supervisor_of(script).send_signal(signal.SIGKILL)
        deadline = time.monotonic() + 5
        while script.is_running() and script.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "the script outlives its supervisor"
            time.sleep(0.02)
    assert answer.result()["code"] == "sandbox_unavailable"
    deadline = time.monotonic() + 15
    while server.post("def main():\n    return 1").status_code != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.parametrize("level", LEVELS)
def test_a_script_has_none_of_the_services_groups(level: str, new_server: Serve, no_rules: Path) -> None:
    script = "import os\n\ndef main():\n    return os.getgroups()"
    settings = {"SANDBOX_MODE": "cold", "POLICY_FILE": str(no_rules)} | (
        {"NSJAIL": "/bin/false"} if level == "process" else {}
    )
    server = new_server(groups=[4321], without_namespaces=level == "seccomp", **settings)
    assert server.isolation() == level
    assert status_of(server.main)["Groups"] == "4321"
    assert server.post(script).json()["result"] == []
    server.stop()


def test_the_scratch_file_system_runs_no_program_and_no_device(serve: Serve, no_rules: Path) -> None:
    server = start_at_level(serve, "namespaces", "warm", user=None, POLICY_FILE=str(no_rules))
    with running(server, WAIT) as (script, answer):
        mounts = Path(f"/proc/{script.pid}/mountinfo").read_text().splitlines()
    assert answer.result()["result"] == "done"
    options = [line.split()[5].split(",") for line in mounts if line.split()[4] == "/tmp"]
    assert {"nosuid", "nodev", "noexec"} <= set(options[-1])


@pytest.mark.parametrize("level", ["seccomp", "process"])
def test_no_other_user_can_list_the_scratch_folders(level: str, serve: Serve, no_rules: Path) -> None:
    server = start_at_level(serve, level, "warm", user=None, POLICY_FILE=str(no_rules))
    with running(server, WAIT) as (script, answer):
        folder = Path(os.readlink(f"/proc/{script.pid}/cwd"))
        modes = [one.stat().st_mode & 0o777 for one in (folder, folder.parent, folder.parent.parent)]
    assert answer.result()["result"] == "done"
    assert modes == [0o700, 0o711, 0o711]
