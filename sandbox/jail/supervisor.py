"""The supervisor: it makes spares, watches them, and reports how each ends.

It runs no script itself. It kills a spare when the host says so or exits, and reports over a socket that no script
holds.
"""

from __future__ import annotations

import os
import sys
from _json import encode_basestring_ascii  # the C function alone: `import json` costs 10 ms
from _socket import SCM_RIGHTS, SOL_SOCKET, socket
from contextlib import suppress
from select import POLLIN, poll
from signal import SIGCHLD, SIGKILL, SIGSTOP, set_wakeup_fd, signal
from time import monotonic

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

_LOCATE = b"L"  # the host's message, see sandbox/protocol.py
# How long it looks at scratch folders at a time: scripts must not keep it from its other work by what they hide there.
_LOOK_SECONDS = 0.001
# How long a spare that it ends may take to stop, and then to die; after that it is reported all the same.
_STOP_SECONDS = 0.5
# A spare with more memory than this, by its pages or by the faults for page tables, is released only when the memory is
# free: the next script may want as much.
_QUICKLY_FREED_KILOBYTES = 64 * 1024


class Supervisor:
    """Serves one jail's control socket."""

    def __init__(self, control: socket, setup: Setup) -> None:
        """Take the jail's control socket and what all its spares have in common."""
        self._control = control
        self._setup = setup
        self._spares: dict[int, LivingSpare] = {}
        self._by_fd: dict[int, LivingSpare] = {}
        self._ending: list[LivingSpare] = []  # those not reported yet
        self._disk = DiskWatch(setup["scratch"], setup["limits"]["scratch_bytes"])
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
        """Make a spare for every order, until the host exits; a cold jail gets one order."""
        while True:
            for fd, _ in self._poll.poll(self._rest_ms()):
                if fd == self._woken:
                    os.read(self._woken, 4096)
                elif fd == self._control.fileno():
                    self._make(receive_order(self._control))
                elif (spare := self._by_fd.get(fd)) is None:
                    continue  # it was reaped in this same round
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
        """Return how long there is nothing to do without an event; None if there is nothing at all."""
        due = [spare.due for spare in self._ending]
        if self._setup["own_scratch"] and (watched := self._watched()):
            due += [self._disk.due, *(watch.due for watch, _ in watched)]
        return max(min(due) - monotonic(), 0) * 1000 if due else None

    def _obey(self, spare: LivingSpare, message: bytes) -> None:
        """Obey the host's message about a spare; the end of the stream means that the spare is not needed."""
        if message == _LOCATE:
            with suppress(OSError):  # its first thread has exited
                kernel.signal_first_thread(spare.pid, spare_process.LOCATE)
            return
        self._forget(spare.control.fileno())
        if message:
            self._end(spare)
        else:
            os.kill(spare.pid, SIGKILL)

    def _make(self, order: Order) -> None:
        """Make a spare, which announces by itself when it is ready; if it cannot be made, scripts go on."""
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
        """Tell the host that a spare is ready, with its descriptors, or why it is not."""
        assert spare.ready is not None
        self._forget(spare.ready)
        said, spare.ready = _read_all(spare.ready), None
        failure = ""
        if said.startswith(spare_process.READY):
            cpu_seconds, kilobytes = said.removeprefix(spare_process.READY).split()
            spare.used_before = float(cpu_seconds), int(kilobytes)
        else:
            failure = said.decode(errors="replace") or "the process exited while it isolated itself"
        self._answer(failure, [] if failure else spare.host_ends)
        for fd in spare.host_ends:
            os.close(fd)

    def _answer(self, failure: str, descriptors: list[int]) -> None:
        """Answer an order."""
        line = b'{"failure":%b}\n' % encode_basestring_ascii(failure).encode()
        packed = b"".join(fd.to_bytes(4, sys.byteorder) for fd in descriptors)
        self._control.sendmsg([line], [(SOL_SOCKET, SCM_RIGHTS, packed)] if packed else [])

    def _forget(self, fd: int) -> None:
        """Stop watching a descriptor."""
        if self._by_fd.pop(fd, None):
            self._poll.unregister(fd)

    def _watched(self) -> list[tuple[Watch, LivingSpare]]:
        """Return the spares whose scratch folders are watched."""
        spares = self._spares.values()
        return [(one.watch, one) for one in spares if one.watch and not one.ending and not one.reported]

    def _look_at_scratch(self) -> None:
        """Look for a moment at the scratch folders that are due, and end the spares whose folders are too full."""
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
        """Stop a spare: once all its threads have stopped, `_reap` kills and reports it like one that is done.

        Its death could take seconds, with much memory and busy neighbours.
        """
        if not spare.ending:
            spare.ending = True
            spare.due = monotonic() + _STOP_SECONDS
            self._ending.append(spare)
            os.kill(spare.pid, SIGSTOP)

    def _hurry(self) -> None:
        """Kill the spares that have not stopped in time, and report those that have not died in time either.

        No thread of a killed process returns from the kernel to the script.
        """
        now = monotonic()
        for spare in [one for one in self._ending if now >= one.due]:
            if spare.killed:
                # The kernel tells the peak of its memory only once it has stopped or died.
                self._report(spare, SIGKILL, kernel.cpu_seconds(spare.pid), 0)
            else:
                spare.killed = True
                spare.due = now + _STOP_SECONDS
                os.kill(spare.pid, SIGKILL)

    def _reap(self) -> None:
        """Report and kill the spares that have stopped, and release those that have died."""
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG | os.WUNTRACED)
            except ChildProcessError:
                return
            if pid == 0:
                return
            spare = self._spares.get(pid)
            if spare is None:
                continue  # a process that removed a scratch folder
            if not os.WIFSTOPPED(status):
                self._release_dead(spare, status, usage)
            elif not spare.ending and self._disk.count(pid, usage):
                continue  # it goes on; if its script is done, it exits
            elif not spare.reported:
                os.kill(pid, SIGKILL)
                status = SIGKILL if spare.ending else status
                self._report(spare, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
                if max(usage.ru_maxrss - spare.used_before[1], usage.ru_minflt * 4) <= _QUICKLY_FREED_KILOBYTES:
                    self._release(spare)

    def _release_dead(self, spare: LivingSpare, status: int, usage: resource.struct_rusage) -> None:
        """Report a dead spare if nobody has, and release what it held."""
        del self._spares[spare.pid]
        self._disk.forget(spare.pid)
        if not spare.reported:
            self._report(spare, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
        if spare.maps is not None:
            os.close(spare.maps)
        self._release(spare)
        if spare.processes:
            spare.processes.close()
        if not self._setup["zygote"]:
            os._exit(0)

    def _report(self, spare: LivingSpare, status: int, cpu_seconds: float, kilobytes: int) -> None:
        """Tell the host how a spare ended, and the CPU time and memory that its process used."""
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
        with suppress(BrokenPipeError):  # the host does not need this spare
            spare.control.send(report)

    def _release(self, spare: LivingSpare) -> None:
        """Release what a spare held, and tell the host so."""
        if spare.released:
            return
        spare.released = True
        if spare.watch:
            spare.watch.close()
        if self._setup["own_scratch"]:
            self._remove_scratch(spare)
        if spare.network:
            self._maker.take_back(spare.network)
        spare.control.close()  # this tells the host

    def _remove_scratch(self, spare: LivingSpare) -> None:
        """Remove a dead spare's scratch folder, in a process of its own if it may take long.

        A script can make tens of thousands of files before it is seen to be over its limit. Meanwhile other spares must
        be forked, watched and reported.
        """
        with suppress(OSError):  # the rest is removed with the jail's folder
            if not self._setup["zygote"] or not scratch.holds_much(spare.scratch) or not _remove_beside(spare):
                scratch.remove(spare.scratch)


def _remove_beside(spare: LivingSpare) -> bool:
    """Remove a dead spare's scratch folder in another process; return whether there can be one."""
    supervisor_pid = os.getpid()
    try:
        pid = os.fork()
    except OSError:
        return False
    if pid == 0:
        with suppress(BaseException):
            # The spare's control socket closes with this process; the sockets of others must not stay open for it.
            isolate.close_all_but(spare.control.fileno())
            kernel.die_with_parent()
            if os.getppid() == supervisor_pid:
                scratch.remove(spare.scratch)
        os._exit(0)
    return True


def _read_all(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 2**16):
        parts.append(part)
    os.close(fd)
    return b"".join(parts)
