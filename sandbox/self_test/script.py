# ruff: noqa: SIM115, S606 (these acts must fail)
"""The script that proves a jail: it tries what must fail, and returns what did not.

It runs like any script, and the service reads it as text: it never imports it.
"""

import os
import socket
from collections.abc import Callable, Iterator


def tries(service_pid: int, service_file: str, outside: str, root: bool) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield each act that a script must not be able to do: the words for it, and the act."""
    yield "open a network socket", lambda: socket.socket(socket.AF_INET)
    yield "open a Unix socket", lambda: socket.socket(socket.AF_UNIX)
    yield "see another process", lambda: os.kill(service_pid, 0)
    yield "read another process's environment", lambda: open(f"/proc/{service_pid}/environ", "rb").read()
    yield "list the processes of the machine", lambda: os.listdir("/proc")
    yield "read the service's files", lambda: open(service_file, "rb").read()
    yield "write outside its scratch folder", lambda: open(outside, "xb").close()
    yield "start a process", lambda: os.fork() or os._exit(0)
    yield "run a program", run_program
    yield "take root's user id", lambda: os.setuid(0)
    yield "change its root folder", lambda: os.chroot(".")
    if root:
        yield "keep root's user id", refuse_unless_root


def run_program() -> None:
    """Run a program that does not exist: if the kernel says so, one that exists would have run."""
    try:
        os.execv("/no-such-program", ["no-such-program"])
    except FileNotFoundError:
        return


def refuse_unless_root() -> None:
    """Raise what a refused act raises, if the script is not root."""
    if os.getuid() != 0:
        raise PermissionError


def main(service_pid: int, service_file: str, outside: str, root: bool) -> list[str]:
    """Return the acts that were not refused, and prove that honest ones work."""
    with open("own-file", "w") as file:
        file.write("x")
    succeeded = []
    for act, attempt in tries(service_pid, service_file, outside, root):
        try:
            attempt()
        except OSError:
            continue
        succeeded.append(act)
    return succeeded
