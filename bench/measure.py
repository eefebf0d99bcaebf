"""Takes the measurements: the rows side by side, the start, and how the service grows with its clients."""

import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from . import processes
from .load import Sample, put_load
from .results import CLIENTS, Load, StartUp
from .servers import Server, run_server
from .workloads import HELLO, PANDAS, WORKLOADS

_WARM_UP_SECONDS = 1
# What a service does after its start, such as forking spares, is over by then.
_IDLE_SECONDS = 2
_MEMORY_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure.

    Attributes:
        rounds: how often each row has its turn.
        seconds: how long the load of one turn is on, in whole seconds.
        starts: how often the start is measured.
        clients: the numbers of clients under which growth is measured.
    """

    rounds: int
    seconds: int
    starts: int
    clients: Sequence[int]


THOROUGH = Plan(rounds=2, seconds=5, starts=3, clients=(1, 2, 4, 8, 16, 32))
QUICK = Plan(rounds=1, seconds=3, starts=1, clients=(1, 4, 16))


def compare(
    folder: Path, plan: Plan, run_rows: Callable[[Path], AbstractContextManager[dict[str, Server]]]
) -> dict[tuple[str, str, int], Sample]:
    """Measure every script, row and number of clients; the rows take turns, so that all meet the same machine.

    Args:
        folder: where the servers' files go.
        plan: how long.
        run_rows: runs a server for each row, by name.
    """
    samples: dict[tuple[str, str, int], Sample] = {}
    with run_rows(folder) as rows:
        for workload in WORKLOADS:
            for server in rows.values():
                put_load(server.port, workload, 1, _WARM_UP_SECONDS)
            for _ in range(plan.rounds):
                for clients in CLIENTS:
                    for row, server in rows.items():
                        sample = put_load(server.port, workload, clients, plan.seconds)
                        key = (workload.name, row, clients)
                        samples[key] = samples[key] + sample if key in samples else sample
    return samples


def start_up(folder: Path, plan: Plan, warm_pandas_seconds: float) -> StartUp:
    """Start the service anew, several times, and return the medians.

    Args:
        folder: where the servers' files go.
        plan: how often.
        warm_pandas_seconds: how long a pandas script takes once it is warm; up to three times that counts as warm.
    """
    starts = [_start_once(folder / f"start{number}", warm_pandas_seconds) for number in range(plan.starts)]
    return StartUp(
        port_open_seconds=statistics.median(start.port_open_seconds for start in starts),
        first_hello_seconds=statistics.median(start.first_hello_seconds for start in starts),
        pandas_warm_seconds=statistics.median(start.pandas_warm_seconds for start in starts),
        idle_mib=statistics.median(start.idle_mib for start in starts),
    )


def _start_once(folder: Path, warm_pandas_seconds: float) -> StartUp:
    with run_server(folder) as server:
        port_open_seconds = server.wait_until_open()
        server.answer_seconds(HELLO)
        first_hello_seconds = server.seconds()
        pandas_warm_seconds = server.wait_until_warm(3 * warm_pandas_seconds)
        time.sleep(_IDLE_SECONDS)
        idle_mib = processes.memory_mib(server.processes())
    return StartUp(port_open_seconds, first_hello_seconds, pandas_warm_seconds, idle_mib)


def growth(folder: Path, plan: Plan, warm_pandas_seconds: float) -> list[Load]:
    """Measure the service under ever more clients, with a queue that is long enough for all of them.

    As many scripts run at once as by default, or as many as it takes to have half the clients wait, and as many spares
    are kept as by default.
    """
    usual = 2 * len(os.sched_getaffinity(0))
    concurrency = max(usual, max(plan.clients) // 2)
    loads = []
    with run_server(folder, SANDBOX_CONCURRENCY=str(concurrency), SANDBOX_SPARES=str(usual)) as server:
        server.wait_until_open()
        server.wait_until_warm(3 * warm_pandas_seconds)
        for clients in plan.clients:
            samples = {}
            memory = {}
            for workload in (HELLO, PANDAS):
                samples[workload.name] = put_load(server.port, workload, clients, plan.seconds)
                # Apart, because looking at the memory takes time from the scripts.
                with _MemoryWatch(server) as watch:
                    put_load(server.port, workload, clients, _WARM_UP_SECONDS)
                memory[workload.name] = statistics.median(watch.mib)
            loads.append(Load(clients, samples, memory))
    return loads


class _MemoryWatch:
    """Looks at the memory of a server's processes again and again, in a thread of its own.

    Attributes:
        mib: what was found, each time.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.mib: list[float] = []

    def __enter__(self) -> "_MemoryWatch":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self.mib.append(processes.memory_mib(self._server.processes()))
            if self._over.wait(_MEMORY_LOOK_SECONDS):
                return
