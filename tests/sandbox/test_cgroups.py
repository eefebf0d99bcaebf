"""Control groups bound a jail as a whole if the service can write them, and the service removes them."""

import secrets
import subprocess
from pathlib import Path

import pytest

import nsjail
from sandbox.host.cgroups import Cgroups, JailCgroups, writable_cgroups
from tests.conftest import ROOT, Serve
from tests.sandbox.conftest import WAIT, running

MB = 2**20
CONTROLLERS = ("memory", "pids")


@pytest.fixture
def groups() -> JailCgroups:
    """Control groups of this machine, under a new name."""
    found = writable_cgroups()
    if found is None:
        pytest.skip("no control groups can be written here")
    return found.of(f"test-{secrets.token_hex(8)}")


def run_in_jail(groups: JailCgroups | None, script: str, memory_bytes: int, tasks: int) -> str:
    options = groups.options(memory_bytes, tasks) if groups else []
    config = ["--config", str(ROOT / "nsjail" / "seccomp.cfg"), "--user", "0", "--group", "0"]
    command = [str(nsjail.bundled_nsjail()), *config, *options, "--", "/usr/bin/python3.11", "-I", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30).stdout.strip()


@pytest.mark.needs_root
@pytest.mark.parametrize(
    ("script", "bounded"),
    [
        ("len(bytearray(200 * 2**20)); print('reached')", ""),
        ("import os; os.fork() or os._exit(0); print('reached')", ""),
    ],
    ids=["memory", "processes"],
)
def test_they_bound_a_jail(groups: JailCgroups, script: str, bounded: str) -> None:
    assert run_in_jail(None, script, 0, 0) == "reached"
    groups.make()
    try:
        assert run_in_jail(groups, "print('started')", 100 * MB, 1) == "started"
        assert run_in_jail(groups, script, 100 * MB, 1) == bounded
    finally:
        groups.remove()


@pytest.mark.slow
@pytest.mark.needs_root
@pytest.mark.parametrize("without_namespaces", [False, True], ids=["namespaces", "seccomp"])
@pytest.mark.parametrize("mode", ["warm", "cold"])
def test_every_script_is_in_them(serve: Serve, no_rules: Path, mode: str, without_namespaces: bool) -> None:
    if writable_cgroups() is None:
        pytest.skip("no control groups can be written here")
    server = serve(without_namespaces=without_namespaces, POLICY_FILE=str(no_rules), SANDBOX_MODE=mode)
    with running(server, WAIT) as (script, answer):
        lines = [line.split(":", 2) for line in Path(f"/proc/{script.pid}/cgroup").read_text().splitlines()]
        own = {controller: path for _, controller, path in lines if controller in ("", *CONTROLLERS)}
        assert any("/jail-" in path for path in own.values()), own
    assert answer.result()["result"] == "done"


@pytest.mark.slow
@pytest.mark.needs_root
def test_no_group_of_a_jail_is_left_when_the_service_stops(new_server: Serve) -> None:
    found = writable_cgroups()
    if found is None:
        pytest.skip("no control groups can be written here")
    folders = [found.mounts[controller] / found.parents[controller] for controller in CONTROLLERS]

    def groups_of_jails() -> set[Path]:
        return {group for folder in folders for group in folder.glob("jail-*")}

    before = groups_of_jails()
    server = new_server()
    server.post("def main():\n    return 1")
    its = groups_of_jails() - before
    assert its
    server.stop()
    assert groups_of_jails().isdisjoint(its)


def tree(folder: Path, *groups: str, control: str = "") -> None:
    for group in groups:
        (folder / group).mkdir(parents=True)
        (folder / group / "cgroup.procs").touch()
        (folder / group / "cgroup.subtree_control").write_text(control)


def test_version_1_is_used_beneath_the_services_own_group(tmp_path: Path) -> None:
    tree(tmp_path, "memory/a/b", "pids/c")
    (tmp_path / "own").write_text("4:pids:/c\n3:cpu,cpuacct:/\n2:memory:/a/b\n0::/\n")
    found = writable_cgroups(tmp_path, tmp_path / "own")
    assert found == Cgroups(1, {one: tmp_path / one for one in CONTROLLERS}, {"memory": "a/b", "pids": "c"})
    assert found.of("x").options(5, 7)[-4:] == [
        "--cgroup_pids_mount",
        str(tmp_path / "pids"),
        "--cgroup_pids_parent",
        "c/x",
    ]


def test_in_a_container_the_mount_begins_at_its_own_group(tmp_path: Path) -> None:
    tree(tmp_path, "memory", "pids")
    (tmp_path / "own").write_text("4:pids:/docker/123\n2:memory:/docker/123\n")
    found = writable_cgroups(tmp_path, tmp_path / "own")
    assert found
    assert found.parents == {"memory": "", "pids": ""}


def test_version_2_needs_controllers_that_the_services_own_group_gives_away(tmp_path: Path) -> None:
    tree(tmp_path, "a", control="cpu memory pids")
    (tmp_path / "own").write_text("0::/a\n")
    found = writable_cgroups(tmp_path, tmp_path / "own")
    assert found == Cgroups(2, dict.fromkeys(CONTROLLERS, tmp_path), dict.fromkeys(CONTROLLERS, "a"))
    jail = found.of("x")
    jail.make()
    assert (tmp_path / "a" / "x" / "cgroup.subtree_control").read_text() == "+memory +pids"
    assert jail.options(5, 7)[:3] == ["--use_cgroupv2", "--cgroupv2_mount", str(tmp_path / "a" / "x")]
    (tmp_path / "a" / "cgroup.subtree_control").write_text("cpu")
    assert writable_cgroups(tmp_path, tmp_path / "own") is None


def test_without_control_groups_none_are_used(tmp_path: Path) -> None:
    assert writable_cgroups(tmp_path, tmp_path / "own") is None
