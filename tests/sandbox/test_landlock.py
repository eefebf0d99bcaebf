"""Landlock alone, without any other layer: what it forbids a script in its scratch folder and outside."""

import os
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.jail import kernel, landlock
from tests.sandbox.restricted import REACHED, REFUSED, attempt_in_child

ABSTRACT = "\0landlock-test-"


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if landlock.version() < 1:
        pytest.skip("this kernel has no Landlock")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(ABSTRACT + str(os.getpid()))
        listening.listen()
        yield listening


def attempt(act: Callable[[], object], scratch: Path, *, restricted: bool) -> int:
    """Act in a child that may reach its scratch folder only; return the outcome."""

    def restrict() -> None:
        version = landlock.version()
        kernel.forbid_new_privileges()
        ruleset = landlock.make_ruleset(version)
        landlock.grant(ruleset, landlock.open_grants([(str(scratch), landlock.SCRATCH)]), version)
        landlock.restrict(ruleset)

    return attempt_in_child(act, restrict if restricted else None)


def make_program() -> None:
    """Write a program that needs no file: ELF for x86-64, whose one segment is `exit(0)` (elf(5))."""
    code = bytes.fromhex("31ff b83c000000 0f05")  # xor edi, edi; mov eax, 60; syscall
    header_bytes, segment_bytes, base = 64, 56, 0x400000
    size = header_bytes + segment_bytes + len(code)
    start = base + header_bytes + segment_bytes
    elf = b"\x7fELF\x02\x01\x01" + bytes(9)
    elf += struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, start, header_bytes, 0, 0, header_bytes, segment_bytes, 1, 0, 0, 0)
    elf += struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    Path("program").write_bytes(elf + code)
    os.chmod("program", 0o755)


def execute() -> None:
    """Execute the program in the scratch folder, which exits with `REACHED`."""
    os.execv("program", ["program"])


def bind_unix_socket() -> None:
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")


FORBIDDEN: dict[str, Callable[[], object]] = {
    "read outside": lambda: Path("/etc/hostname").read_bytes(),
    "list outside": lambda: os.listdir("/etc"),
    "execute": execute,
    "make a pipe": lambda: os.mkfifo("pipe"),
    "make a socket": bind_unix_socket,
    "make a character device": lambda: os.mknod("device", stat.S_IFCHR | 0o600, os.makedev(1, 3)),
    "make a block device": lambda: os.mknod("disk", stat.S_IFBLK | 0o600, os.makedev(7, 0)),
    "signal the parent": lambda: os.kill(os.getppid(), 0),
    "connect to an abstract socket": lambda: socket.socket(socket.AF_UNIX).connect(ABSTRACT + str(os.getppid())),
    "bind TCP": lambda: socket.socket().bind(("127.0.0.1", 0)),
}


def make_and_list_a_folder() -> None:
    os.mkdir("folder")
    os.listdir("folder")


def move() -> None:
    os.mkdir("from")
    os.mkdir("to")
    Path("from/file").touch()
    os.rename("from/file", "to/file")


def remove() -> None:
    Path("gone").touch()
    os.unlink("gone")
    os.mkdir("gone")
    os.rmdir("gone")


def truncate() -> None:
    Path("long").write_text("xx")
    os.truncate("long", 1)


ALLOWED: dict[str, Callable[[], object]] = {
    "write": lambda: Path("file").write_text("x"),
    "make and list a folder": make_and_list_a_folder,
    "link": lambda: os.symlink("file", "link"),
    "move": move,
    "remove": remove,
    "truncate": truncate,
}


@pytest.mark.needs_root
@pytest.mark.usefixtures("listener")
@pytest.mark.parametrize("act", FORBIDDEN.values(), ids=FORBIDDEN)
def test_it_is_forbidden_by_landlock_alone(act: Callable[[], object], scratch: Path) -> None:
    make_program()
    assert attempt(act, scratch, restricted=False) == REACHED
    for name in ("pipe", "socket", "device", "disk"):
        (scratch / name).unlink(missing_ok=True)
    assert attempt(act, scratch, restricted=True) == REFUSED


@pytest.mark.parametrize("act", ALLOWED.values(), ids=ALLOWED)
def test_it_is_allowed_in_the_scratch_folder(act: Callable[[], object], scratch: Path) -> None:
    assert attempt(act, scratch, restricted=True) == REACHED
