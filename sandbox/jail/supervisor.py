"""Watches over one spare: the process that waits for a script, isolated already, and runs it.

The supervisor runs no script itself. It kills the spare when the host says so or has gone, and reports its end over a
socket that no script ever holds.
"""

from __future__ import annotations

import json
import marshal
import os
import resource
import sys
import time
from _socket import MSG_WAITALL, SCM_RIGHTS, SOL_SOCKET, socket
from select import POLLIN, poll
from signal import SIG_DFL, SIGCHLD, SIGKILL, set_wakeup_fd, signal

from . import isolate, scratch, script

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NoReturn

    from sandbox.messages import Order, Setup

_LENGTH_BYTES = 8
_SCRATCH_CHECK_MS = 50


def supervise(control: socket, setup: Setup, order: Order) -> None:
    """Make a spare, tell the host when it is ready, and report its end.

    Args:
        control: the socket to the host for this spare.
        setup: what all spares have in common.
        order: what this one has of its own.
    """
    woken = _wake_up_on_child_signals()
    if order["own_scratch"]:
        scratch.make(order["scratch"], order["uid"])
    try:
        pid, ready, host_ends = _fork_spare(control, setup, order)
        said = _read_all(ready)
        failure = "" if said.startswith(_READY) else said.decode(errors="replace") or "the process ended"
        _send(control, {"failure": failure}, host_ends)
        over_scratch = _wait(control, woken, pid, order, setup)
        _, status, usage = os.wait4(pid, 0)
    finally:
        if order["own_scratch"]:
            scratch.remove(order["scratch"])
    cpu_seconds_before, memory_kilobytes_before = json.loads(said.removeprefix(_READY)) if not failure else (0, 0)
    report = {
        "status": status,
        "cpu_seconds": max(usage.ru_utime + usage.ru_stime - cpu_seconds_before, 0),
        "peak_memory_bytes": max(usage.ru_maxrss - memory_kilobytes_before, 0) * 1024,
        "over_scratch": over_scratch,
    }
    _send(control, report)


def _wake_up_on_child_signals() -> int:
    """Return a descriptor that becomes readable when a child has changed its state."""
    woken, wake = os.pipe()
    os.set_blocking(woken, False)
    os.set_blocking(wake, False)
    set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal(SIGCHLD, lambda *_: None)
    return woken


def _fork_spare(control: socket, setup: Setup, order: Order) -> tuple[int, int, list[int]]:
    """Return the spare's process id, what it says when ready, and the host's ends of its four pipes."""
    ready, announce = os.pipe()
    job, host_job = os.pipe()
    outputs = [os.pipe() for _ in ("stdout", "stderr", "result")]
    pid = os.fork()
    if pid == 0:
        _become_spare(setup, order, job, [write_end for _, write_end in outputs], announce)
    for fd in (announce, job, *(write_end for _, write_end in outputs)):
        os.close(fd)
    return pid, ready, [host_job, *(read_end for read_end, _ in outputs)]


def _become_spare(setup: Setup, order: Order, job: int, outputs: list[int], announce: int) -> NoReturn:
    """Isolate this process, wait for a script, run it, write the envelope of its result and end."""
    try:
        set_wakeup_fd(-1)
        signal(SIGCHLD, SIG_DFL)
        isolate.keep_only([*outputs, job, announce])
        try:
            isolate.isolate(setup, order)
        except BaseException as error:
            os.write(isolate.READY_FD, f"{type(error).__name__}: {error}".encode(errors="replace"))
            os._exit(1)
        used = json.dumps([time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss])
        os.write(isolate.READY_FD, _READY + used.encode())
        os.close(isolate.READY_FD)
        text = _read_all(isolate.JOB_FD)
        if not text:
            os._exit(0)  # the host has gone, or does not need this spare any more
        job_for_script = marshal.loads(text)  # noqa: S302 (sent by the host, which is trusted here)
        script.seed_random()
        envelope = script.run_script(job_for_script["source"], job_for_script["args"], setup["result_bytes"])
        while envelope:
            envelope = envelope[os.write(isolate.RESULT_FD, envelope) :]
    finally:
        # Threads that still run are not waited for, and nothing of the script's gets a say in how its process ends.
        os._exit(0)


_READY = b"ready "


def _read_all(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 2**16):
        parts.append(part)
    os.close(fd)
    return b"".join(parts)


def _wait(control: socket, woken: int, pid: int, order: Order, setup: Setup) -> bool:
    """Wait for the spare's end; kill it when the host says so or goes away, and when its scratch folder is too full.

    Returns whether it was killed for its scratch folder.
    """
    poller = poll()
    poller.register(control, POLLIN)
    poller.register(woken, POLLIN)
    over_scratch = False
    # WNOWAIT leaves a dead process in place: its id cannot be given to another before the last kill.
    while not os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        ready = [fd for fd, _ in poller.poll(_SCRATCH_CHECK_MS if order["own_scratch"] else None)]
        if woken in ready:
            os.read(woken, 4096)
        if order["own_scratch"] and not over_scratch and scratch.is_over(order["scratch"], setup["scratch_bytes"]):
            over_scratch = True
            os.kill(pid, SIGKILL)
        if control.fileno() in ready:
            os.kill(pid, SIGKILL)
            poller.unregister(control)
    return over_scratch


def receive(control: socket) -> Any:
    """Read one message; leave when the host has gone."""
    head = control.recv(_LENGTH_BYTES, MSG_WAITALL)
    length = int.from_bytes(head, "big")
    body = control.recv(length, MSG_WAITALL) if len(head) == _LENGTH_BYTES else b""
    if not body or len(body) < length:
        sys.exit(0)
    return marshal.loads(body)  # noqa: S302 (sent by the host, which is trusted here)


def _send(control: socket, message: Mapping[str, object], descriptors: list[int] | None = None) -> None:
    """Send one line, and with it descriptors, which are closed here."""
    line = json.dumps(message).encode() + b"\n"
    if not descriptors:
        control.sendall(line)
        return
    packed = b"".join(fd.to_bytes(4, sys.byteorder) for fd in descriptors)
    control.sendmsg([line], [(SOL_SOCKET, SCM_RIGHTS, packed)])
    for fd in descriptors:
        os.close(fd)
