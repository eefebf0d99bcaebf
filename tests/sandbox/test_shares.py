from pathlib import Path

import pytest

from sandbox.host.shares import lacks_fair_shares

OFF = "does not group by session"
GROUPED = "in no control group"
CASES = {
    "version 1": ("1", "4:memory:/some\n1:cpu,cpuacct:/\n0::/", ["cpu/release_agent"], None),
    "version 1, in a group": ("1", "1:cpu:/some", ["cpu/release_agent"], GROUPED),
    "version 1, in a container": ("1", "1:cpu:/", ["cpu/cpu.shares"], GROUPED),
    "version 2": ("1", "0::/user.slice", ["cgroup.procs", "user.slice/cgroup.type"], None),
    "version 2, in a group": ("1", "0::/a/b", ["cgroup.procs", "a/cpu.weight", "a/b/cgroup.type"], GROUPED),
    "version 2, in a container": ("1", "0::/", ["cgroup.procs", "cpu.weight"], GROUPED),
    "version 2, in a container with the host's names": ("1", "0::/x/y", ["cgroup.procs", "cpu.weight"], GROUPED),
    "no groups to be seen": ("1", "", [], GROUPED),
    "switched off": ("0", "1:cpu:/", ["cpu/release_agent"], OFF),
    "a kernel without it": (None, "1:cpu:/", ["cpu/release_agent"], OFF),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_host_without_fair_shares_has_a_reason(
    case: tuple[str | None, str, list[str], str | None], tmp_path: Path
) -> None:
    setting, own_groups, files, reason = case
    if setting is not None:
        (tmp_path / "setting").write_text(setting + "\n")
    (tmp_path / "own_groups").write_text(own_groups)
    for name in files:
        file = tmp_path / "mounts" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    found = lacks_fair_shares(tmp_path / "setting", tmp_path / "mounts", tmp_path / "own_groups")
    assert found is None if reason is None else reason in (found or "")
