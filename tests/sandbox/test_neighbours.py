"""Scripts that run at the same time cannot reach each other, and a script finds nothing of those before it."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conftest import Server
from tests.sandbox.conftest import SITE_PACKAGES, running, scratch_of

VICTIM = """
import os, signal, time

def main(**_):
    received = []
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM):
        signal.signal(number, lambda number, frame: received.append(number))
    os.umask(0)
    with open("secret", "w") as file:
        file.write("the victim's")
    os.mkdir("here")
    while os.path.exists("here"):
        time.sleep(0.01)
    with open("secret") as file:
        return {"received": received, "files": sorted(os.listdir(".")), "secret": file.read()}
"""
UNTOUCHED = {"received": [], "files": ["script.py", "secret"], "secret": "the victim's"}

ATTACKER = """
import ctypes, os, resource, signal

libc = ctypes.CDLL(None, use_errno=True)
TGKILL, KCMP, PTRACE_SEIZE = 234, 312, 0x4206

class Piece(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

def call(function, *arguments):
    if function(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")

def read(path):
    with open(path, "rb") as file:
        file.read(1)

def read_memory(pid, address):
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        memory.read(1)

def read_memory_by_call(pid, address):
    into = ctypes.create_string_buffer(1)
    here, there = (ctypes.byref(Piece(start, 1)) for start in (ctypes.addressof(into), address))
    call(libc.process_vm_readv, pid, here, ctypes.c_ulong(1), there, ctypes.c_ulong(1), ctypes.c_ulong(0))

def overwrite(path):
    with open(path, "w") as file:
        file.write("the attacker's")

def main(pid, address, scratch):
    def theirs(name):
        if os.path.samefile(scratch, "."):
            raise OSError("what has this name here is one's own")
        return f"{scratch}/{name}"

    acts = {
        "kill": lambda: os.kill(pid, signal.SIGUSR1),
        "tgkill": lambda: call(libc.syscall, TGKILL, pid, pid, signal.SIGUSR1),
        "pidfd": lambda: signal.pidfd_send_signal(os.pidfd_open(pid), signal.SIGUSR1),
        "limit": lambda: resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0)),
        "affinity": lambda: os.sched_setaffinity(pid, os.sched_getaffinity(0)),
        "priority": lambda: os.setpriority(os.PRIO_PROCESS, pid, 5),
        "trace": lambda: call(libc.ptrace, PTRACE_SEIZE, pid, 0, 0),
        "memory": lambda: read_memory(pid, address),
        "memory by call": lambda: read_memory_by_call(pid, address),
        "compare": lambda: call(libc.syscall, KCMP, os.getpid(), pid, 0, 0, 0),
        **{name: lambda name=name: read(f"/proc/{pid}/{name}") for name in ("environ", "maps", "cmdline", "status")},
        **{name: lambda name=name: os.listdir(f"/proc/{pid}/{name}") for name in ("fd", "task", "cwd", "root")},
        "output": lambda: overwrite(f"/proc/{pid}/fd/1"),
        "mode": lambda: os.chmod(theirs("secret"), 0o666),
        "times": lambda: os.utime(theirs("secret")),
        "mode of the folder": lambda: os.chmod(theirs("."), 0o777),
        "truncate": lambda: os.truncate(theirs("secret"), 12),
        "list": lambda: os.listdir(theirs(".")),
        "read": lambda: read(theirs("secret")),
        "create": lambda: overwrite(theirs("intruder")),
        "link": lambda: os.link(theirs("secret"), theirs("linked")),
        "rename": lambda: os.rename(theirs("secret"), theirs("renamed")),
        "remove": lambda: os.unlink(theirs("renamed")),
    }
    reached = []
    for name, act in acts.items():
        try:
            act()
        except OSError:
            continue
        reached.append(name)
    return {"reached": reached, "tried": list(acts)}
"""

pytestmark = pytest.mark.needs_root


def facts(victim: psutil.Process) -> dict[str, Any]:
    """Return what an attacker who knows everything about the victim would know."""
    [stack] = [mapping for mapping in victim.memory_maps(grouped=False) if mapping.path == "[stack]"]
    return {
        "pid": victim.pid,
        "address": int(stack.addr.partition("-")[0], 16),
        "scratch": str(scratch_of(victim).readlink()),
    }


def test_a_running_script_is_out_of_reach(jailed: Server) -> None:
    with running(jailed, VICTIM) as (victim, answer):
        attack = jailed.post(ATTACKER, args=facts(victim)).json()
        # If it has a process namespace, the victim has other process ids in it; these are the likely ones.
        by_its_own_number = [jailed.post(ATTACKER, args=facts(victim) | {"pid": pid}).json() for pid in (1, 3)]
    for tried in (attack, *by_its_own_number):
        assert tried["result"]["reached"] == []
    assert answer.result()["result"] == UNTOUCHED


def test_the_same_acts_reach_a_process_outside_the_jail(tmp_path: Path) -> None:
    victim = subprocess.Popen([sys.executable, "-c", f"{VICTIM}\nmain()"], cwd=tmp_path, stdout=subprocess.PIPE)
    while not (tmp_path / "here").exists():
        time.sleep(0.01)
    run = f"found = main(**{facts(psutil.Process(victim.pid))!r})\nassert found['reached'] == found['tried'], found"
    program = f"{ATTACKER}\n{run}"
    attack = subprocess.run([sys.executable, "-c", program], cwd="/", capture_output=True, timeout=30, check=False)
    (tmp_path / "here").rmdir()
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    assert attack.returncode == 0, attack.stderr.decode()


LEAVE = """
import builtins, json, os, sys, threading, time, types

def main(folders):
    left = []
    for folder in folders:
        try:
            open(os.path.join(folder, "left-behind"), "w").close()
        except OSError:
            continue
        left.append(folder)
    os.environ["LEFT_BEHIND"] = "yes"
    builtins.left_behind = os.left_behind = json.left_behind = True
    json.dumps = lambda value: "forged"
    sys.modules["left_behind"] = types.ModuleType("left_behind")
    sys.path.append("/left_behind")
    threading.Thread(target=time.sleep, args=(60,), name="left_behind", daemon=True).start()
    return left
"""
FIND = """
import builtins, json, os, sys, threading

def main(folders):
    return {
        "files": [folder for folder in folders if os.path.exists(os.path.join(folder, "left-behind"))],
        "environment": "LEFT_BEHIND" in os.environ,
        "attributes": [holder.__name__ for holder in (builtins, os, json) if hasattr(holder, "left_behind")],
        "functions": json.dumps(1) != "1",
        "modules": [name for name in sys.modules if name in ("left_behind", "script") and name != __name__],
        "path": "/left_behind" in sys.path,
        "threads": [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()],
    }
"""
NOTHING = {
    "files": [],
    "environment": False,
    "attributes": [],
    "functions": False,
    "modules": [],
    "path": False,
    "threads": [],
}


FOLDERS = (".", "/", "/tmp", "/var/tmp", "/dev/shm", "/usr/lib/python3.11", "/site-packages", str(SITE_PACKAGES))


def test_nothing_of_a_script_is_found_by_those_after_it(jailed: Server) -> None:
    for _ in range(3):
        assert jailed.post(LEAVE, args={"folders": FOLDERS}).json()["result"][0] == "."
        for _ in range(3):
            assert jailed.post(FIND, args={"folders": FOLDERS}).json()["result"] == NOTHING


def test_without_a_jail_the_next_script_finds_everything(tmp_path: Path) -> None:
    """If both run in one interpreter, one after the other, the second finds everything."""
    program = f"{LEAVE}\nmain(['.'])\n{FIND}\nfound = main(['.'])\nassert all(found.values()), found"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr.decode()


SIGNAL = """
import ctypes, fcntl, os, threading, time

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_long
FUTEX = 202

def main(**_):
    fd, other = os.open(os.__file__, os.O_RDONLY), os.open(threading.__file__, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    fcntl.lockf(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
    word = ctypes.c_uint32.from_address(libc.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, ctypes.c_long(0)))
    wait = (FUTEX, ctypes.byref(word), 0, word.value, None)
    threading.Thread(target=libc.syscall, args=wait, daemon=True).start()
    os.mkdir("here")
    while os.path.exists("here"):
        time.sleep(0.01)
    return 1
"""
SEE_SIGNAL = """
import ctypes, fcntl, os, struct, threading, time

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_long
FUTEX = 202

def locked(fd):
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False

def main(**_):
    fd, other = os.open(os.__file__, os.O_RDONLY), os.open(threading.__file__, os.O_RDONLY)
    asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
    answer = struct.unpack("hhqqi4x", fcntl.fcntl(other, fcntl.F_GETLK, asked))
    word = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, ctypes.c_long(0))
    until = time.monotonic() + 5
    while not (woken := libc.syscall(FUTEX, ctypes.c_long(word), 1, 1)) and time.monotonic() < until:
        time.sleep(0.01)
    return {"flock": locked(fd), "fcntl": answer[0] == fcntl.F_RDLCK, "futex": woken == 1}
"""


def test_two_scripts_that_work_together_can_signal_each_other(jailed: Server) -> None:
    """SECURITY.md says that they can; if this test fails, that sentence must be removed."""
    with running(jailed, SIGNAL) as (process, answer):
        seen = jailed.post(SEE_SIGNAL).json()
    assert seen["result"] == {"flock": True, "fcntl": False, "futex": True}
    assert answer.result()["result"] == 1
    process.wait(15)  # the answer comes a moment before its end
    alone = jailed.post(SEE_SIGNAL.replace("+ 5", "+ 0")).json()
    assert alone["result"] == {"flock": False, "fcntl": False, "futex": False}
