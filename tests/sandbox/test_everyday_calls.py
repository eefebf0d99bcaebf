"""Ordinary scripts work at every level: they miss nothing that the filter refuses or pretends."""

import pytest

from tests.conftest import Server

SCRIPTS = {
    "sqlite_with_many_connections": """
import sqlite3
def main():
    for mode in ("delete", "truncate", "persist", "wal", "exclusive"):
        first, second = (sqlite3.connect(f"{mode}.db", timeout=0.1) for _ in range(2))
        if mode == "exclusive":
            first.execute("pragma locking_mode = exclusive")
        else:
            assert first.execute(f"pragma journal_mode = {mode}").fetchone() == (mode,)
        with first:
            first.execute("create table t (n)")
            first.executemany("insert into t values (?)", [(n,) for n in range(1000)])
        if mode != "exclusive":
            assert second.execute("select count(*) from t").fetchone() == (1000,)
            first.execute("begin immediate")
            try:
                second.execute("begin immediate")
            except sqlite3.OperationalError as error:
                assert "locked" in str(error)
            else:
                raise AssertionError("two writers at once")
            first.rollback()
            second.execute("vacuum")
    return "works"
""",
    "locks": """
import fcntl
def main():
    with open("one", "w") as one, open("one") as other:
        fcntl.lockf(one, fcntl.LOCK_EX)
        fcntl.lockf(one, fcntl.LOCK_UN)
        fcntl.flock(one, fcntl.LOCK_EX)
        try:
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return "works"
""",
    "preallocated_file": """
import os
def main():
    with open("file", "wb") as file:
        os.posix_fallocate(file.fileno(), 0, 2**20)
    status = os.stat("file")
    return "works" if (status.st_size, status.st_blocks * 512) == (2**20, 2**20) else status
""",
    "preallocated_beyond_the_limit": """
import errno, os
def main():
    with open("file", "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, 17 * 2**20)
        except OSError as error:
            return "works" if error.errno in (errno.EFBIG, errno.ENOSPC) else repr(error)
""",
    "file_that_is_read_in_order": """
import os
def main():
    with open("file", "w+b") as file:
        for advice in (os.POSIX_FADV_SEQUENTIAL, os.POSIX_FADV_WILLNEED, os.POSIX_FADV_RANDOM, os.POSIX_FADV_NORMAL):
            os.posix_fadvise(file.fileno(), 0, 0, advice)
    return "works"
""",
    "memory_given_back": """
import mmap
def main():
    memory = mmap.mmap(-1, 2**20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.write(b"x" * 2**20)
    memory.madvise(mmap.MADV_HUGEPAGE)
    memory.madvise(mmap.MADV_DONTNEED)
    return "works" if memory[:4] != b"xxxx" else "kept"
""",
    "threads_and_large_arrays": """
import numpy
from concurrent.futures import ThreadPoolExecutor
def main():
    with ThreadPoolExecutor(4) as pool:
        sums = list(pool.map(lambda n: float(numpy.ones(2**16).sum()), range(16)))
    return "works" if sums == [2.0**16] * 16 else sums
""",
    "sockets_of_asyncio": """
import asyncio, socket
async def main():
    one, other = socket.socketpair()
    one.setblocking(False), other.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=one)
    writer.write(b"works")
    text = (await asyncio.get_running_loop().sock_recv(other, 10)).decode()
    assert (one.type, one.family, one.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) == (1, 1, 0)
    await asyncio.to_thread(int)
    writer.close()
    return text
""",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_an_ordinary_script_works(name: str, jailed: Server) -> None:
    answer = jailed.post(SCRIPTS[name]).json()
    assert answer.get("result") == "works", answer
