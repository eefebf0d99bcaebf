"""The command line that starts a jail, for every profile; no jail is started."""

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox import Limits
from sandbox.host.cgroups import Cgroups
from sandbox.host.host import Host
from sandbox.host.interpreter import Interpreter
from sandbox.host.nsjail_command import NSJAIL_FOLDER, build_command
from sandbox.isolation import IsolationLevel, IsolationProfile
from sandbox.limits import MB

PYTHON = Interpreter(
    executable="/usr/bin/python3.11",
    loader="/lib64/ld-linux-x86-64.so.2",
    stdlib="/usr/lib/python3.11",
    site_packages="/opt/sandbox/site-packages",
    libraries=("/usr/lib/x86_64-linux-gnu",),
    address_space_bytes=20 * MB,
    bundle=b"",
    own_environment=True,
)
GROUPS = Cgroups(1, {"memory": Path("/m"), "pids": Path("/p")}, {"memory": "a", "pids": "b"})
ROOT = Host(
    interpreter=PYTHON,
    nsjail=Path("/opt/nsjail"),
    filter=b"f",
    filter_without_mounts=b"g",
    landlock_version=4,
    scratch_root=Path("/tmp/scratch"),
    uid=0,
    gid=0,
    cgroups=GROUPS,
    concurrency=2,
    spares=3,
)
USER = replace(ROOT, uid=1234, gid=1235)
NAMESPACES = IsolationProfile(IsolationLevel.NAMESPACES, user_namespace=True)
NO_USER_NAMESPACE = IsolationProfile(IsolationLevel.NAMESPACES)
SECCOMP = IsolationProfile(IsolationLevel.SECCOMP)
PROCESS = IsolationProfile(IsolationLevel.PROCESS)


def command(host: Host, profile: IsolationProfile, limits: Limits | None = None) -> list[str]:
    cgroups = GROUPS.of("jail") if profile.cgroups else None
    return build_command(host, profile, limits or Limits(), 7, cgroups)


def values(words: list[str], option: str) -> list[str]:
    return [after for word, after in itertools.pairwise(words) if word == option]


@pytest.mark.parametrize("host", [ROOT, USER], ids=["root", "user"])
def test_the_level_process_runs_python_without_nsjail(host: Host) -> None:
    words = command(host, PROCESS)
    assert words[:5] == [PYTHON.executable, "-I", "-S", "-B", "-c"]
    assert words[-1] == "7"


@pytest.mark.parametrize("host", [ROOT, USER], ids=["root", "user"])
@pytest.mark.parametrize("profile", [NAMESPACES, NO_USER_NAMESPACE, SECCOMP], ids=str)
def test_nsjail_gets_the_config_of_the_level_and_the_first_filter(host: Host, profile: IsolationProfile) -> None:
    words = command(host, profile)
    assert words[0] == "/opt/nsjail"
    assert values(words, "--config") == [str(NSJAIL_FOLDER / f"{profile.level.value}.cfg")]
    assert values(words, "--seccomp_policy") == [str(NSJAIL_FOLDER / "supervisor.kafel")]
    assert values(words, "--pass_fd") == ["7"]
    assert words[words.index("--") + 1 :] == command(host, PROCESS)


@pytest.mark.parametrize(
    ("host", "profile", "kept"),
    [
        (ROOT, NAMESPACES, {"CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_SYS_ADMIN"}),
        (ROOT, NO_USER_NAMESPACE, {"CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_SYS_ADMIN"}),
        (ROOT, SECCOMP, {"CAP_SETUID", "CAP_SETGID", "CAP_KILL", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"}),
        (USER, NAMESPACES, {"CAP_SYS_ADMIN"}),
        (USER, SECCOMP, set()),
    ],
)
def test_the_supervisor_keeps_these_capabilities_alone(host: Host, profile: IsolationProfile, kept: set[str]) -> None:
    assert set(values(command(host, profile), "--cap")) == kept


def test_root_maps_the_supervisor_and_the_scripts_to_ids_that_nobody_has() -> None:
    words = command(ROOT, NAMESPACES)
    assert values(words, "--user") == ["0:100000:1", "1000:100001:50000"]
    assert values(words, "--group") == values(words, "--user")
    assert values(command(ROOT, SECCOMP), "--user") == ["100000"]


def test_an_ordinary_user_maps_only_itself() -> None:
    words = command(USER, NAMESPACES)
    assert (values(words, "--user"), values(words, "--group")) == (["1000:1234:1"], ["1000:1235:1"])
    words = command(USER, SECCOMP)
    assert (values(words, "--user"), values(words, "--group")) == (["1234"], ["1235"])


def test_only_a_profile_without_a_user_namespace_switches_it_off() -> None:
    assert "--disable_clone_newuser" in command(ROOT, NO_USER_NAMESPACE)
    assert "--disable_clone_newuser" not in command(ROOT, NAMESPACES)


def test_the_root_holds_python_read_only_and_a_bounded_scratch_folder() -> None:
    words = command(ROOT, NAMESPACES, Limits(scratch_bytes=5 * MB))
    assert "/opt/sandbox/site-packages:/site-packages" in values(words, "--bindmount_ro")
    assert {PYTHON.executable, PYTHON.stdlib, *PYTHON.libraries} <= set(values(words, "--bindmount_ro"))
    assert "--bindmount" not in words
    [mount] = values(words, "--mount")
    assert mount.startswith(f"none:/tmp:tmpfs:size={5 * MB},nr_inodes=")
    assert not values(command(ROOT, SECCOMP), "--mount")


def test_control_groups_have_room_for_every_script() -> None:
    limits = Limits(memory_bytes=100 * MB, scratch_bytes=10 * MB, threads=8)
    words = command(ROOT, replace(NAMESPACES, cgroups=True), limits)
    assert values(words, "--cgroup_mem_max") == [str((512 + 2 * (100 + 10 + 64)) * MB)]
    assert values(words, "--cgroup_pids_max") == [str(2 * 8 + ROOT.idle_tasks)]
    assert values(words, "--cgroup_mem_parent") == ["a/jail"]
    assert "--cgroup_mem_max" not in command(ROOT, NAMESPACES, limits)
