"""Makes spares, the processes that wait for a script, isolated already, and sees each through to its end.

The supervisor runs no script itself. It kills a spare when the host says so or has gone, and reports its end over a
socket that no script ever holds.
"""

from __future__ import annotations

import marshal
import os
import sys
from _json import encode_basestring_ascii  # the C function alone: `import json` costs 10 ms
from _socket import MSG_WAITALL, SCM_RIGHTS, SOL_SOCKET, socket, socketpair
from contextlib import suppress
from select import POLLIN, poll
from signal import SIGCHLD, SIGKILL, set_wakeup_fd, signal
from time import monotonic

from . import isolate, kernel, scratch, spare_process
from .disk import DiskWatch

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    from typing import Any, NoReturn

    from sandbox.messages import Order, Setup

    from .kernel import NetworkNamespace, ProcessNamespace

_LOCATE = b"L"  # the host's word, see sandbox/messages.py
_LENGTH_BYTES = _NUMBER_BYTES = 8
# From the end of one look to the next: what scripts hide in their folders must not keep the supervisor from the rest.
_SCRATCH_CHECK_SECONDS = 0.05
# What holds more than this, by its pages or by the faults that page tables cost, is reported when it has given it back.
_QUICKLY_FREED_KILOBYTES = 64 * 1024


class _Spare:
    """A living spare.

    Attributes:
        pid: its process.
        scratch: its scratch folder.
        control: the supervisor's end of the socket on which the host speaks of this spare.
        ready: where it says that it is isolated; None once it has.
        host_ends: the descriptors that the host gets when it has.
        processes, network: its process and network namespaces, where it has some of its own.
        used_before: the CPU time in seconds and the memory in kilobytes that it had used by then.
        over_scratch: whether it was killed because its scratch folder was too full.
        done: whether it has said that its script is done, and was killed for that.
        reported: whether the host has been told of its end.
    """

    def __init__(
        self,
        pid: int,
        scratch: str,
        control: socket,
        ready: int,
        host_ends: list[int],
        processes: ProcessNamespace | None,
        network: NetworkNamespace | None,
    ) -> None:
        self.pid = pid
        self.scratch = scratch
        self.control = control
        self.ready: int | None = ready
        self.host_ends = host_ends
        self.processes = processes
        self.network = network
        self.used_before = (0.0, 0)
        self.over_scratch = False
        self.done = False
        self.reported = False


class Supervisor:
    """Serves one jail's control socket."""

    def __init__(self, control: socket, setup: Setup) -> None:
        """Take the jail's control socket and what all its spares have in common."""
        self._control = control
        self._setup = setup
        self._spares: dict[int, _Spare] = {}
        self._by_fd: dict[int, _Spare] = {}
        self._check_at = 0.0
        self._disk = DiskWatch(setup["scratch"], setup["scratch_bytes"])
        self._own = os.pidfd_open(os.getpid())
        self._networks: list[NetworkNamespace] = []  # that are free
        self._grants = kernel.open_grants(setup["grants"]) if setup["landlock_version"] else []
        self._woken, wake = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(wake, False)
        set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal(SIGCHLD, lambda *_: None)
        self._poll = poll()
        self._poll.register(control, POLLIN)
        self._poll.register(self._woken, POLLIN)

    def serve(self) -> NoReturn:
        """Make a spare for every order, until the host goes away; where there is no zygote, for one order."""
        while True:
            watched = self._setup["own_scratch"] and bool(self._spares)
            check_in_ms = max(self._check_at - monotonic(), 0) * 1000 if watched else None
            for fd, _ in self._poll.poll(check_in_ms):
                if fd == self._woken:
                    os.read(self._woken, 4096)
                elif fd == self._control.fileno():
                    self._make(receive_order(self._control))
                elif (spare := self._by_fd.get(fd)) is None:
                    continue  # it was buried in this same round
                elif fd == spare.ready:
                    self._announce(spare)
                elif spare.control.recv(1) == _LOCATE:
                    with suppress(OSError):  # its first thread has ended
                        kernel.signal_first_thread(spare.pid, spare_process.LOCATE)
                else:
                    # The word to kill it, or the end of the stream, is the last that is heard of it.
                    self._forget(fd)
                    os.kill(spare.pid, SIGKILL)
            if watched and monotonic() >= self._check_at:
                self._check_scratch()
                self._check_at = monotonic() + _SCRATCH_CHECK_SECONDS
            self._reap()

    def _make(self, order: Order) -> None:
        """Fork a spare, which says by itself when it is ready."""
        setup = self._setup
        uid = None if setup["first_uid"] is None else setup["first_uid"] + order["number"] % setup["uids"]
        folder = setup["scratch"]
        if setup["own_scratch"]:
            folder = f"{folder}/{order['number']}"
            scratch.make(folder, uid)
        host_end, own_end = socketpair()
        ready, announce = os.pipe()
        job, host_job = os.pipe()
        outputs = [os.pipe() for _ in ("stdout", "stderr", "result")]
        supervisor_pid = os.getpid()
        processes = network = None
        if setup["own_namespaces"]:
            network = self._enter_network()
            processes = kernel.ProcessNamespace()
        pid = processes.fork(self._own) if processes else os.fork()
        if pid == 0:
            identity = isolate.Identity(uid, folder, supervisor_pid)
            descriptors = [*(end for _, end in outputs), job, announce]
            spare_process.become_spare(setup, order, identity, descriptors, self._grants)
        for fd in (announce, job, *(write_end for _, write_end in outputs)):
            os.close(fd)
        host_ends = [host_end.detach(), host_job, *(read_end for read_end, _ in outputs), os.pidfd_open(pid)]
        spare = _Spare(pid, folder, own_end, ready, host_ends, processes, network)
        self._spares[pid] = spare
        for fd in (ready, own_end.fileno()):
            self._by_fd[fd] = spare
            self._poll.register(fd, POLLIN)

    def _enter_network(self) -> NetworkNamespace:
        """Move this process, and so the spare that it forks next, into a network namespace that no other spare has."""
        while self._networks:
            network = self._networks.pop()
            try:
                network.enter()
            except ProcessLookupError:  # whoever killed the spares has killed what keeps it, too
                network.close()
            else:
                return network
        network = kernel.NetworkNamespace()
        network.enter()
        return network

    def _announce(self, spare: _Spare) -> None:
        """Tell the host that a spare is ready, or why it is not, and hand over what leads to it."""
        assert spare.ready is not None
        self._forget(spare.ready)
        said, spare.ready = _read_all(spare.ready), None
        failure = ""
        if said.startswith(spare_process.READY):
            cpu_seconds, kilobytes = said.removeprefix(spare_process.READY).split()
            spare.used_before = float(cpu_seconds), int(kilobytes)
        else:
            failure = said.decode(errors="replace") or "the process ended while it was being isolated"
        packed = b"".join(fd.to_bytes(4, sys.byteorder) for fd in spare.host_ends)
        line = b'{"failure":%b}\n' % encode_basestring_ascii(failure).encode()
        self._control.sendmsg([line], [(SOL_SOCKET, SCM_RIGHTS, packed)])
        for fd in spare.host_ends:
            os.close(fd)

    def _forget(self, fd: int) -> None:
        """Hear no more of a descriptor."""
        if self._by_fd.pop(fd, None):
            self._poll.unregister(fd)

    def _check_scratch(self) -> None:
        """Kill the spares whose scratch folders are too full."""
        for spare in self._spares.values():
            if not spare.over_scratch and not spare.reported:
                spare.over_scratch = scratch.is_over(spare.scratch, self._setup["scratch_bytes"])
                if spare.over_scratch:
                    os.kill(spare.pid, SIGKILL)
        if culprit := self._spares.get(self._disk.culprit()):
            culprit.over_scratch = True
            os.kill(culprit.pid, SIGKILL)
        self._disk.look([spare.pid for spare in self._spares.values() if not spare.over_scratch and not spare.reported])

    def _reap(self) -> None:
        """Report and kill the spares that are done, and bury those that have ended."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            spare = self._spares.get(pid)
            if spare is None:
                continue  # one that has removed a scratch folder
            if not os.WIFSTOPPED(status):
                self._bury(spare, status, usage)
            elif os.WSTOPSIG(status) == spare_process.DONE:
                spare.done = True
                os.kill(pid, SIGKILL)
                if max(usage.ru_maxrss - spare.used_before[1], usage.ru_minflt * 4) <= _QUICKLY_FREED_KILOBYTES:
                    self._report(spare, 0, usage)
            else:
                self._disk.count(pid, usage)

    def _bury(self, spare: _Spare, status: int, usage: resource.struct_rusage) -> None:
        """Report a dead spare, where that has not been done, and let go of what was its own."""
        del self._spares[spare.pid]
        self._disk.forget(spare.pid)
        if not spare.reported:
            self._report(spare, 0 if spare.done else status, usage)
        if spare.processes:
            spare.processes.close()
        if not self._setup["zygote"]:
            os._exit(0)

    def _report(self, spare: _Spare, status: int, usage: resource.struct_rusage) -> None:
        """Tell the host how a spare has ended and what it has used, and remove what it leaves."""
        spare.reported = True
        if spare.ready is not None:
            self._announce(spare)
        self._forget(spare.control.fileno())
        cpu_seconds_before, kilobytes_before = spare.used_before
        cpu_seconds = max(usage.ru_utime + usage.ru_stime - cpu_seconds_before, 0)
        peak_memory_bytes = max(usage.ru_maxrss - kilobytes_before, 0) * 1024
        over_scratch = b"true" if spare.over_scratch else b"false"
        report = b'{"status":%d,"cpu_seconds":%f,"peak_memory_bytes":%d,"over_scratch":%b}\n' % (
            status,
            cpu_seconds,
            peak_memory_bytes,
            over_scratch,
        )
        with suppress(BrokenPipeError):  # the host does not need this spare any more
            spare.control.send(report)
        if self._setup["own_scratch"]:
            self._remove_scratch(spare)
        if spare.network:
            self._networks.append(spare.network)
        spare.control.close()  # by which the host knows that nothing more will come

    def _remove_scratch(self, spare: _Spare) -> None:
        """Remove what a dead spare has left, in a process beside this one where it may take long.

        A script can make tens of thousands of files before it is seen to be over its limit. While they are removed, its
        neighbours want to be forked, watched and reported.
        """
        if not self._setup["zygote"] or not scratch.holds_much(spare.scratch):
            scratch.remove(spare.scratch)
            return
        supervisor_pid = os.getpid()
        if os.fork() == 0:
            with suppress(BaseException):
                # The spare's control socket ends with this process, those of others must not wait for that.
                isolate.close_all_but(spare.control.fileno())
                kernel.die_with_parent()
                if os.getppid() == supervisor_pid:
                    scratch.remove(spare.scratch)
            os._exit(0)


def _read_all(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 2**16):
        parts.append(part)
    os.close(fd)
    return b"".join(parts)


def receive_order(control: socket) -> Order:
    """Read one order; leave when the host has gone."""
    text = control.recv(3 * _NUMBER_BYTES, MSG_WAITALL)
    if len(text) < 3 * _NUMBER_BYTES:
        os._exit(0)
    number, address_space_bytes, tasks = (
        int.from_bytes(text[start : start + _NUMBER_BYTES], "big") for start in range(0, len(text), _NUMBER_BYTES)
    )
    return {"number": number, "address_space_bytes": address_space_bytes, "tasks": tasks}


def receive_setup(control: socket) -> Any:
    """Read what all spares have in common; leave when who started the jail has gone."""
    head = control.recv(_LENGTH_BYTES, MSG_WAITALL)
    length = int.from_bytes(head, "big")
    body = control.recv(length, MSG_WAITALL) if len(head) == _LENGTH_BYTES else b""
    if not body or len(body) < length:
        os._exit(0)
    return marshal.loads(body)  # noqa: S302 (sent by who started the jail, before anybody else had the socket)
