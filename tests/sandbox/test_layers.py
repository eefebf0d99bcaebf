"""Every layer around a running script, one by one, as the kernel shows it outside the jail.

An attack stops at the first layer that refuses it; these tests show that the layers behind it are there too.
"""

import os
import re
from pathlib import Path

import psutil
import pytest

from tests.attacking import LIMITS, ORDINARY_USER
from tests.conftest import Server
from tests.sandbox.conftest import WAIT, running

pytestmark = pytest.mark.needs_root

NAMESPACES = {"cgroup", "ipc", "mnt", "net", "pid", "user", "uts"}
# Each spare of a zygote has its own, inside those of its jail.
OWN_NAMESPACES = {"ipc", "mnt", "net", "pid", "uts"}
MB = 2**20


def status_of(process: psutil.Process) -> dict[str, str]:
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def namespaces_of(process: psutil.Process) -> dict[str, str]:
    return {name: os.readlink(f"/proc/{process.pid}/ns/{name}") for name in NAMESPACES}


def level_and_mode(request: pytest.FixtureRequest) -> tuple[str, str]:
    level, mode = request.node.callspec.params["jailed"]
    return level, mode


def test_a_script_has_no_privileges(jailed: Server, user: int | None, request: pytest.FixtureRequest) -> None:
    level, _ = level_and_mode(request)
    with running(jailed, WAIT) as (script, answer):
        status = status_of(script)
        with pytest.raises(PermissionError):
            _as_the_same_user(script.pid, int(status["Uid"].split()[0]))
    assert answer.result()["result"] == "done"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    # nsjail's filter and the script's own; the service itself may run under others.
    assert int(status["Seccomp_filters"]) >= (1 if level == "process" else 2)
    [uid], [gid] = (set(status[name].split()) for name in ("Uid", "Gid"))
    if user is None:
        assert int(uid) in range(100_001, 150_001)
        assert gid == uid
        assert status["Groups"] == ""
    else:
        assert int(uid) == ORDINARY_USER


def _as_the_same_user(pid: int, uid: int) -> None:
    """Do, as the script's own user, what the kernel allows on a process that can be traced.

    Raises:
        PermissionError: the kernel refuses it.
    """
    child = os.fork()
    if child == 0:
        try:
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            Path(f"/proc/{pid}/environ").read_bytes()
            os._exit(0)
        finally:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise PermissionError


def limits_of(process: psutil.Process) -> dict[str, tuple[str, str]]:
    """Return the soft and the hard value of each limit; see proc(5)."""
    lines = Path(f"/proc/{process.pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): (line[26:47].strip(), line[47:68].strip()) for line in lines}


def test_the_limits_of_a_script_are_hard(jailed: Server, request: pytest.FixtureRequest) -> None:
    with running(jailed, WAIT) as (script, answer):
        limits = limits_of(script)
        niceness = script.nice()
    assert answer.result()["result"] == "done"
    values = {
        "Max core file size": 0,
        "Max file size": LIMITS["scratch_mb"] * MB,
        "Max locked memory": 0,
        "Max msgqueue size": 0,
        "Max open files": LIMITS["open_files"],
        "Max pending signals": LIMITS["threads"],
    }
    assert {name: limits[name] for name in values} == {name: (str(one), str(one)) for name, one in values.items()}
    # The soft limit sends a signal that the service can tell from a kill.
    assert limits["Max cpu time"] == ("10", "11")
    # These come on top of what the interpreter takes, and of what else runs under the service's user id.
    for name, least, most in (
        ("Max address space", LIMITS["memory_mb"] * MB, (LIMITS["memory_mb"] + 512) * MB),
        ("Max processes", LIMITS["threads"], 10_000),
    ):
        soft, hard = limits[name]
        assert soft == hard
        assert least <= int(hard) <= most
    assert (niceness > jailed.main.nice()) == (level_and_mode(request)[0] != "process")


def test_a_script_has_namespaces_of_its_own(jailed: Server, request: pytest.FixtureRequest) -> None:
    level, mode = level_and_mode(request)
    with running(jailed, WAIT) as (script, answer):
        own, service = namespaces_of(script), namespaces_of(jailed.main)
        shared_with_jail = {name for name, one in own.items() if one == namespaces_of(script.parents()[0])[name]}
        devices = re.findall(r"^\s*(\w+):", Path(f"/proc/{script.pid}/net/dev").read_text(), re.MULTILINE)
    assert answer.result()["result"] == "done"
    shared_with_service = {name for name in NAMESPACES if own[name] == service[name]}
    if level != "namespaces":
        assert shared_with_service == NAMESPACES
        return
    assert shared_with_service == set()
    assert shared_with_jail == (NAMESPACES - OWN_NAMESPACES if mode == "warm" else NAMESPACES)
    assert set(devices) <= {"lo"}


def test_only_the_scratch_folder_is_mounted_to_be_written(jailed: Server, request: pytest.FixtureRequest) -> None:
    with running(jailed, WAIT) as (script, answer):
        lines, of_service = (
            [line.split() for line in Path(f"/proc/{one.pid}/mountinfo").read_text().splitlines()]
            for one in (script, jailed.main)
        )
    assert answer.result()["result"] == "done"
    if level_and_mode(request)[0] != "namespaces":
        assert lines == of_service
        return
    # See proc(5): the mount point is the fifth field, its options are the sixth.
    writable = {fields[4] for fields in lines if "rw" in fields[5].split(",")}
    assert writable == {"/tmp", "/dev/null", "/dev/zero", "/dev/urandom"}
    assert not any(fields[4].startswith(("/proc", "/sys")) for fields in lines)
