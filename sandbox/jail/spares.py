"""Spares as the supervisor sees them: how one is made, and what is kept of it while it lives."""

from __future__ import annotations

import os
from _socket import socket, socketpair
from math import inf
from signal import SIGKILL

from . import isolate, kernel, scratch, spare_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sandbox.protocol import Order, Setup

    from .kernel import NetworkNamespace, ProcessNamespace
    from .scratch import Watch

# For what it says at first, its job, its two outputs and its result.
_PIPES = 5
# What the script's own file may take of a scratch folder, above the limit: one that a script fills by a single file is
# to get an OSError, and not to be ended.
_OWN_FILE_BYTES = 512 * 2**10


class LivingSpare:
    """A living spare.

    Attributes:
        pid: its process.
        scratch: its scratch folder.
        control: the supervisor's end of the socket on which the host speaks of this spare.
        ready: where it says that it is isolated; None once it has.
        host_ends: the descriptors that the host gets when it has.
        processes, network: its process and network namespaces, where it has some of its own.
        maps: what `own_maps.hold` returned.
        used_before: the CPU time in seconds and the memory in kilobytes that it had used by then.
        watch: looks at its scratch folder, where no file system bounds that.
        over_scratch: whether its scratch folder was too full, which ends it.
        ending: whether the supervisor ends it: it is to stop, or else to be killed.
        killed: whether it has been killed.
        due: when it is to have stopped, or else to be reported, on the monotonic clock.
        reported: whether the host has been told of its end.
        let_go: whether what was its own has been removed.
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
        """Take what has been made for it."""
        self.pid = pid
        self.scratch = scratch
        self.control = control
        self.ready: int | None = ready
        self.host_ends = host_ends
        self.processes = processes
        self.network = network
        self.maps: int | None = None
        self.used_before = (0.0, 0)
        self.watch: Watch | None = None
        self.over_scratch = False
        self.ending = False
        self.killed = False
        self.due = inf
        self.reported = False
        self.let_go = False


class SpareMaker:
    """Makes the spares of one jail."""

    def __init__(self, setup: Setup) -> None:
        """Take what they have in common."""
        self._setup = setup
        self._own = os.pidfd_open(os.getpid())
        self._networks: list[NetworkNamespace] = []  # that are free
        self._grants = kernel.open_grants(setup["grants"]) if setup["landlock_version"] else []

    def make(self, order: Order) -> LivingSpare:
        """Fork a spare, which says by itself when it is ready.

        Raises:
            OSError: it cannot be made, and nothing is left of it.
        """
        setup = self._setup
        uid = None if setup["first_uid"] is None else setup["first_uid"] + order["number"] % setup["uids"]
        folder = setup["scratch"]
        if setup["own_scratch"]:
            folder = f"{folder}/{order['number']}"
            scratch.make(folder, uid)
        sockets: tuple[socket, ...] = ()
        pipes: list[int] = []
        processes = network = None
        pid = 0
        try:
            sockets = socketpair()
            for _ in range(_PIPES):
                pipes += os.pipe()
            supervisor_pid = os.getpid()
            if setup["own_namespaces"]:
                network = self._enter_network()
                processes = kernel.ProcessNamespace()
            pid = processes.fork(self._own) if processes else os.fork()
            if pid:
                pipes.append(os.pidfd_open(pid))
        except OSError:
            if pid:
                os.kill(pid, SIGKILL)
                os.waitpid(pid, 0)  # before its namespace, whose first process cannot end while there is another
            self._undo(folder, sockets, pipes, processes, network)
            raise
        ready, announce, job, host_job, stdout, to_stdout, stderr, to_stderr, result, to_result, *process = pipes
        if pid == 0:
            identity = isolate.Identity(uid, folder, supervisor_pid)
            descriptors = [to_stdout, to_stderr, to_result, job, announce]
            spare_process.become_spare(setup, order, identity, descriptors, self._grants)
        for fd in (announce, job, to_stdout, to_stderr, to_result):
            os.close(fd)
        host_end, own_end = sockets
        host_ends = [host_end.detach(), host_job, stdout, stderr, result, *process]
        spare = LivingSpare(pid, folder, own_end, ready, host_ends, processes, network)
        if setup["own_scratch"]:
            spare.watch = scratch.Watch(folder, setup["scratch_bytes"] + _OWN_FILE_BYTES)
        return spare

    def _undo(
        self,
        folder: str,
        sockets: tuple[socket, ...],
        pipes: list[int],
        processes: ProcessNamespace | None,
        network: NetworkNamespace | None,
    ) -> None:
        """Let go of what has been made for a spare that cannot be made."""
        for end in sockets:
            end.close()
        for fd in pipes:
            os.close(fd)
        if processes:
            processes.close()
        if network:
            self.take_back(network)
        if self._setup["own_scratch"]:
            scratch.remove(folder)

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

    def take_back(self, network: NetworkNamespace) -> None:
        """Keep a network namespace whose script has gone for the next."""
        self._networks.append(network)
