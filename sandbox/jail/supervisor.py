"""Makes spares, the processes that wait for a script, isolated already, and sees each through to its end.

The supervisor runs no script itself. It kills a spare when the host says so or has gone, and reports its end over a
socket that no script ever holds.
"""

from __future__ import annotations

import os
import sys
from _json import encode_basestring_ascii  # the C function alone: `import json` costs 10 ms
from _socket import SCM_RIGHTS, SOL_SOCKET, socket
from contextlib import suppress
from select import POLLIN, poll
from signal import SIGCHLD, SIGKILL, SIGSTOP, set_wakeup_fd, signal
from time import clock_gettime, monotonic

from . import isolate, kernel, own_maps, scratch, spare_process
from .disk import DiskWatch
from .orders import receive_order
from .spares import LivingSpare, SpareMaker

TYPE_CHECKING = False
if TYPE_CHECKING:
    import resource
    from typing import NoReturn

    from sandbox.protocol import Order, Setup

    from .scratch import Watch

_LOCATE = b"L"  # the host's word, see sandbox/protocol.py
# How long it looks at scratch folders at a time: what scripts hide there must not keep the supervisor from the rest.
_LOOK_SECONDS = 0.001
# How long a spare that is to end may take to stop, and then to die, until it is reported all the same.
_STOP_SECONDS = 0.5
# What holds more than this, by its pages or by the faults that page tables cost, is let go of when it has given that
# back: the next script may want as much.
_QUICKLY_FREED_KILOBYTES = 64 * 1024


class Supervisor:
    """Serves one jail's control socket."""

    def __init__(self, control: socket, setup: Setup) -> None:
        """Take the jail's control socket and what all its spares have in common."""
        self._control = control
        self._setup = setup
        self._spares: dict[int, LivingSpare] = {}
        self._by_fd: dict[int, LivingSpare] = {}
        self._ending: list[LivingSpare] = []  # and not reported yet
        self._disk = DiskWatch(setup["scratch"], setup["scratch_bytes"])
        self._maker = SpareMaker(setup)
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
            for fd, _ in self._poll.poll(self._rest_ms()):
                if fd == self._woken:
                    os.read(self._woken, 4096)
                elif fd == self._control.fileno():
                    self._make(receive_order(self._control))
                elif (spare := self._by_fd.get(fd)) is None:
                    continue  # it was buried in this same round
                elif fd == spare.ready:
                    self._announce(spare)
                else:
                    self._obey(spare, spare.control.recv(1))
            self._reap()
            if self._setup["own_scratch"]:
                self._look_at_scratch()
            if self._ending:
                self._hurry()

    def _rest_ms(self) -> float | None:
        """Return how long there is nothing to do by itself; None where there will not be."""
        due = [spare.due for spare in self._ending]
        if self._setup["own_scratch"] and (watched := self._watched()):
            due += [self._disk.due, *(watch.due for watch, _ in watched)]
        return max(min(due) - monotonic(), 0) * 1000 if due else None

    def _obey(self, spare: LivingSpare, word: bytes) -> None:
        """Do what the host says of a spare; the end of the stream is that it wants nothing more of it."""
        if word == _LOCATE:
            with suppress(OSError):  # its first thread has ended
                kernel.signal_first_thread(spare.pid, spare_process.LOCATE)
            return
        self._forget(spare.control.fileno())
        if word:
            self._end(spare)
        else:
            os.kill(spare.pid, SIGKILL)

    def _make(self, order: Order) -> None:
        """Make a spare, which says by itself when it is ready; what runs goes on where it cannot be made."""
        try:
            spare = self._maker.make(order)
        except OSError as error:
            self._answer(f"{type(error).__name__}: {error}", [])
            return
        if self._setup["own_scratch"]:
            spare.maps = own_maps.hold(spare.pid)
        self._spares[spare.pid] = spare
        for fd in (spare.ready, spare.control.fileno()):
            assert fd is not None
            self._by_fd[fd] = spare
            self._poll.register(fd, POLLIN)

    def _announce(self, spare: LivingSpare) -> None:
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
        self._answer(failure, [] if failure else spare.host_ends)
        for fd in spare.host_ends:
            os.close(fd)

    def _answer(self, failure: str, descriptors: list[int]) -> None:
        """Answer an order."""
        line = b'{"failure":%b}\n' % encode_basestring_ascii(failure).encode()
        packed = b"".join(fd.to_bytes(4, sys.byteorder) for fd in descriptors)
        self._control.sendmsg([line], [(SOL_SOCKET, SCM_RIGHTS, packed)] if packed else [])

    def _forget(self, fd: int) -> None:
        """Hear no more of a descriptor."""
        if self._by_fd.pop(fd, None):
            self._poll.unregister(fd)

    def _watched(self) -> list[tuple[Watch, LivingSpare]]:
        """Return the spares whose scratch folders are looked at."""
        spares = self._spares.values()
        return [(one.watch, one) for one in spares if one.watch and not one.ending and not one.reported]

    def _look_at_scratch(self) -> None:
        """Look at the scratch folders that are due, for a moment, and end the spares whose folders are too full."""
        now = monotonic()
        for watch, spare in sorted(self._watched(), key=lambda one: one[0].due):
            seconds = now + _LOOK_SECONDS - monotonic()
            if watch.due > now or seconds <= 0:
                break
            if watch.look(seconds):
                spare.over_scratch = True
                self._end(spare)
        if now >= self._disk.due and (watched := [one for _, one in self._watched()]):
            if culprit := self._spares.get(self._disk.culprit()):
                culprit.over_scratch = True
                self._end(culprit)
            self._disk.look([spare.pid for spare in watched if not spare.ending])

    def _end(self, spare: LivingSpare) -> None:
        """Have a spare stop: when all its threads have, it is counted, killed and reported as one that is done.

        To wait for its death instead could take seconds, with much memory and busy neighbours.
        """
        if not spare.ending:
            spare.ending = True
            spare.due = monotonic() + _STOP_SECONDS
            self._ending.append(spare)
            os.kill(spare.pid, SIGSTOP)

    def _hurry(self) -> None:
        """Kill the spares that have not stopped in time, and report those that have not died in time either.

        When a process has been killed, no thread of it gets back from the kernel to the script.
        """
        now = monotonic()
        for spare in [one for one in self._ending if now >= one.due]:
            if spare.killed:
                # The kernel tells the peak of its memory only when it has stopped, or died.
                self._report(spare, SIGKILL, _cpu_seconds(spare.pid), 0)
            else:
                spare.killed = True
                spare.due = now + _STOP_SECONDS
                os.kill(spare.pid, SIGKILL)

    def _reap(self) -> None:
        """Report and kill the spares that have stopped, and bury those that have died."""
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
            elif not spare.ending and self._disk.count(pid, usage):
                continue  # it goes on, and if its script is done it exits
            elif not spare.reported:
                os.kill(pid, SIGKILL)
                status = SIGKILL if spare.ending else status
                self._report(spare, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
                if max(usage.ru_maxrss - spare.used_before[1], usage.ru_minflt * 4) <= _QUICKLY_FREED_KILOBYTES:
                    self._let_go(spare)

    def _bury(self, spare: LivingSpare, status: int, usage: resource.struct_rusage) -> None:
        """Report a dead spare, where that has not been done, and let go of what was its own."""
        del self._spares[spare.pid]
        self._disk.forget(spare.pid)
        if not spare.reported:
            self._report(spare, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
        if spare.maps is not None:
            os.close(spare.maps)
        self._let_go(spare)
        if spare.processes:
            spare.processes.close()
        if not self._setup["zygote"]:
            os._exit(0)

    def _report(self, spare: LivingSpare, status: int, cpu_seconds: float, kilobytes: int) -> None:
        """Tell the host how a spare has ended, and the CPU time and the memory that its process has used."""
        spare.reported = True
        if spare in self._ending:
            self._ending.remove(spare)
        if spare.ready is not None:
            self._announce(spare)
        self._forget(spare.control.fileno())
        cpu_seconds_before, kilobytes_before = spare.used_before
        over_scratch = b"true" if spare.over_scratch else b"false"
        report = b'{"status":%d,"cpu_seconds":%f,"peak_memory_bytes":%d,"over_scratch":%b}\n' % (
            status,
            max(cpu_seconds - cpu_seconds_before, 0),
            max(kilobytes - kilobytes_before, 0) * 1024,
            over_scratch,
        )
        with suppress(BrokenPipeError):  # the host does not need this spare any more
            spare.control.send(report)

    def _let_go(self, spare: LivingSpare) -> None:
        """Remove what a spare leaves, and let the host know that it has gone."""
        if spare.let_go:
            return
        spare.let_go = True
        if spare.watch:
            spare.watch.close()
        if self._setup["own_scratch"]:
            self._remove_scratch(spare)
        if spare.network:
            self._maker.take_back(spare.network)
        spare.control.close()  # by which the host knows that nothing more will come

    def _remove_scratch(self, spare: LivingSpare) -> None:
        """Remove what a dead spare has left, in a process beside this one where it may take long.

        A script can make tens of thousands of files before it is seen to be over its limit. While they are removed, its
        neighbours want to be forked, watched and reported.
        """
        with suppress(OSError):  # what is left then goes with the jail's folder
            if not self._setup["zygote"] or not scratch.holds_much(spare.scratch) or not _remove_beside(spare):
                scratch.remove(spare.scratch)


def _remove_beside(spare: LivingSpare) -> bool:
    """Remove what a dead spare has left in another process; return whether there can be one."""
    supervisor_pid = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        return False
    if pid == 0:
        with suppress(BaseException):
            # The spare's control socket ends with this process, those of others must not wait for that.
            isolate.close_all_but(spare.control.fileno())
            kernel.die_with_parent()
            if os.getppid() == supervisor_pid:
                scratch.remove(spare.scratch)
        os._exit(0)
    return True


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time that a child has used, by its clock; see clock_getcpuclockid(3)."""
    scheduled = 2  # CPUCLOCK_SCHED
    return clock_gettime(~pid << 3 | scheduled)


def _read_all(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 2**16):
        parts.append(part)
    os.close(fd)
    return b"".join(parts)
