"""Spares inside the jail: how the supervisor makes one, and what it keeps about it while it lives."""

from __future__ import annotations

import os
from _socket import socket, socketpair
from math import inf
from signal import SIGKILL

from . import isolate, kernel, landlock, scratch, spare_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sandbox.protocol import Order, Setup

    from .kernel import NetworkNamespace, ProcessNamespace
    from .scratch import Watch

# For its readiness, its job, its two outputs and its result.
_PIPES = 5
# How much a scratch folder may exceed its limit, for the script's own file in it: a script that fills the folder by one
# file then gets an OSError, and is not killed.
_OWN_FILE_BYTES = 512 * 2**10


class LivingSpare:
    """A living spare.

    Attributes:
        pid: its process.
        scratch: its scratch folder.
        control: the supervisor's end of the spare's control socket.
        ready: the descriptor on which it announces that it is isolated; None once it has.
        host_ends: the descriptors that the host then gets.
        processes, network: its own process and network namespaces; None if it has none.
        maps: what `own_maps.hold` returned.
        used_before: the CPU time in seconds and the memory in kilobytes that it had used when it was ready.
        watch: looks at its scratch folder; None if a file system bounds it.
        over_scratch: whether it is killed because its scratch folder was too full.
        ending: whether the supervisor ends it: first by a stop, then by a kill.
        killed: whether the supervisor has killed it.
        due: when its next step is due, on the monotonic clock: the kill, then the report.
        reported: whether the host has its report.
        released: whether what it held has been released.
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
        """Take what was made for it."""
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
        self.released = False


class SpareMaker:
    """Makes the spares of one jail."""

    def __init__(self, setup: Setup) -> None:
        """Take what all of them have in common."""
        self._setup = setup
        self._own = os.pidfd_open(os.getpid())
        self._networks: list[NetworkNamespace] = []  # free ones
        self._grants = landlock.open_grants(setup["grants"]) if setup["landlock_version"] else []

    def make(self, order: Order) -> LivingSpare:
        """Fork a spare, which announces by itself when it is ready.

        Raises:
            OSError: it cannot be made; nothing is left of it.
        """
        setup = self._setup
        uid = None if setup["first_uid"] is None else setup["first_uid"] + order["uid_index"] % setup["uids"]
        folder = setup["scratch"]
        if setup["own_scratch"]:
            folder = f"{folder}/{order['uid_index']}"
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
                os.waitpid(pid, 0)  # before its namespace: a first process cannot exit while others are in it
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
            spare.watch = scratch.Watch(folder, setup["limits"]["scratch_bytes"] + _OWN_FILE_BYTES)
        return spare

    def _undo(
        self,
        folder: str,
        sockets: tuple[socket, ...],
        pipes: list[int],
        processes: ProcessNamespace | None,
        network: NetworkNamespace | None,
    ) -> None:
        """Release what was made for a spare that cannot be made."""
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
        """Move this process into a network namespace that no spare has; the spare that it forks next inherits it."""
        while self._networks:
            network = self._networks.pop()
            try:
                network.enter()
            except ProcessLookupError:  # somebody killed its holder
                network.close()
            else:
                return network
        network = kernel.NetworkNamespace()
        network.enter()
        return network

    def take_back(self, network: NetworkNamespace) -> None:
        """Keep a network namespace whose script has ended for another."""
        self._networks.append(network)
