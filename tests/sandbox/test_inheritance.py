"""What a running script holds, seen from outside: these descriptors and these mappings, and no others."""

import contextlib
import os
import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server
from tests.sandbox.conftest import SITE_PACKAGES, WAIT, running

pytestmark = [pytest.mark.slow, pytest.mark.needs_root]

PROGRAMS = {"bare": WAIT, "numpy": "import numpy\n" + WAIT}

OF_THE_KERNEL = {"[vdso]", "[vvar]", "[vvar_vclock]", "[vsyscall]"}
OF_THE_PROCESS = {"[anon]", "[heap]", "[stack]"}
PYTHON = os.path.realpath(ROOT / ".venv-sandbox" / "bin" / "python")
LIBRARY = re.compile(rf"(/usr/lib(64)?|/site-packages|{re.escape(str(SITE_PACKAGES))})/.+\.so(\.[\d.]+)?")
# glibc maps the second one shared, but opens it for reading: nobody can make it writable, see EACCES in mprotect(2).
LOCALE = {"/usr/lib/locale/C.utf8/LC_CTYPE": "r--p", "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache": "r--s"}


def held_by(pid: int) -> dict[int, str]:
    """Return the target of each descriptor of a process."""
    held = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            held[int(entry.name)] = os.readlink(entry)
    return held


@pytest.mark.parametrize("script", PROGRAMS.values(), ids=PROGRAMS)
def test_the_list_of_descriptors(jailed: Server, script: str) -> None:
    with running(jailed, script) as (process, answer):
        held = held_by(process.pid)
        modes = {
            number: int(re.findall(r"flags:\s+(\d+)", Path(f"/proc/{process.pid}/fdinfo/{number}").read_text())[0], 8)
            for number in held
        }
        pipes = {held.pop(number) for number in (1, 2, 3)}
        assert len(pipes) == 3
        assert all(pipe.startswith("pipe:") for pipe in pipes), pipes
        assert held == {0: "/dev/null"}
        access = {number: flags & os.O_ACCMODE for number, flags in modes.items()}
        assert access == {0: os.O_RDONLY, 1: os.O_WRONLY, 2: os.O_WRONLY, 3: os.O_WRONLY}
        holders = {one.pid for one in jailed.processes() if not pipes.isdisjoint(held_by(one.pid).values())}
        [service] = jailed.main.children()
        assert holders == {process.pid, service.pid}, "somebody else holds an end of the script's pipes"
    assert answer.result()["result"] == "done"


@pytest.mark.parametrize("script", PROGRAMS.values(), ids=PROGRAMS)
def test_the_list_of_mappings(jailed: Server, script: str) -> None:
    with running(jailed, script) as (process, answer):
        for mapping in process.memory_maps(grouped=False):
            if mapping.path in LOCALE:
                assert mapping.perms == LOCALE[mapping.path]
                continue
            assert mapping.perms.endswith("p"), f"shared with another process: {mapping.path}"
            if mapping.path in OF_THE_KERNEL | OF_THE_PROCESS:
                continue
            assert mapping.path == PYTHON or LIBRARY.fullmatch(mapping.path), mapping.path
            assert "w" not in mapping.perms or "x" not in mapping.perms, mapping.path
    assert answer.result()["result"] == "done"


def test_the_kernel_kills_scripts_before_the_service(jailed: Server) -> None:
    with running(jailed, WAIT) as (script, answer):
        chosen = {one.pid: int(Path(f"/proc/{one.pid}/oom_score_adj").read_text()) for one in jailed.processes()}
    assert answer.result()["result"] == "done"
    [worker] = jailed.main.children()
    assert chosen[script.pid] == 1000
    assert chosen[jailed.main.pid] == chosen[worker.pid] < 1000
