"""Turns measurements into tables, in Markdown, and compares them with what the service is meant to reach."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .load import Sample
from .workloads import CPU, HELLO, PANDAS

# By script, row and number of clients.
Comparison = Mapping[tuple[str, str, int], Sample]

CLIENTS = (1, 8)
ROWS = {
    "warm": "this service",
    "cold": "this service with `SANDBOX_MODE=cold`: one nsjail per script",
    "subprocess": "`python -I` per script, no jail",
    "floor": "fork of a warm interpreter, no jail",
}


@dataclass(frozen=True, slots=True)
class Target:
    """Something that the service is meant to reach.

    Attributes:
        name: what it is.
        measured: the value that was measured.
        bound: what it is to be.
        at_least: whether the bound is a lower one; otherwise it is an upper one.
        unit: of both values.
    """

    name: str
    measured: float
    bound: float
    at_least: bool
    unit: str

    def met(self) -> bool:
        """Return whether it was reached."""
        return self.measured >= self.bound if self.at_least else self.measured <= self.bound


@dataclass(frozen=True, slots=True)
class StartUp:
    """How one start went: seconds after the command, and then the memory in MiB before the first load.

    Attributes:
        port_open_seconds: until the port was open.
        first_hello_seconds: until the first hello was answered.
        pandas_warm_seconds: until pandas was answered as a warm interpreter does.
        idle_mib: the PSS of all processes.
    """

    port_open_seconds: float
    first_hello_seconds: float
    pandas_warm_seconds: float
    idle_mib: float


@dataclass(frozen=True, slots=True)
class Load:
    """What one number of clients did to the service.

    Attributes:
        clients: how many there were.
        samples: what was measured, by script.
        memory_mib: the median PSS of all processes meanwhile, by script.
    """

    clients: int
    samples: Mapping[str, Sample]
    memory_mib: Mapping[str, float]


def ratio_targets(comparison: Comparison) -> list[Target]:
    """Compare this service with a cold start and with the floor."""

    def faster(script: str, bound: float) -> Target:
        cold, warm = (comparison[script, row, 1].percentile_ms(50) for row in ("cold", "warm"))
        return Target(f"{script}: p50 of cold / p50, 1 client", cold / warm, bound, True, "x")

    def throughput(script: str, bound: float) -> Target:
        warm, cold = (comparison[script, row, 8].per_second() for row in ("warm", "cold"))
        return Target(f"{script}: scripts/s / scripts/s of cold, 8 clients", warm / cold, bound, True, "x")

    def above_floor(script: str) -> Target:
        warm, floor = (comparison[script, row, 1].percentile_ms(50) for row in ("warm", "floor"))
        return Target(f"{script}: p50 / p50 of the floor, 1 client", warm / floor, 1.25, False, "x")

    return [
        faster(PANDAS.name, 30),
        faster(HELLO.name, 6),
        *(above_floor(workload.name) for workload in (HELLO, PANDAS, CPU)),
        throughput(HELLO.name, 3),
        throughput(PANDAS.name, 18),
    ]


def start_targets(start: StartUp) -> list[Target]:
    """Compare a start with what it may take."""
    return [
        Target("start until the port is open", start.port_open_seconds, 0.5, False, "s"),
        Target("start until the first hello is answered", start.first_hello_seconds, 1.0, False, "s"),
        Target("start until pandas is warm", start.pandas_warm_seconds, 2.0, False, "s"),
        Target("idle memory of all processes (PSS)", start.idle_mib, 200.0, False, "MiB"),
    ]


def comparison_table(comparison: Comparison, rows: Mapping[str, str]) -> str:
    """Show every row under every load."""
    head = ["script", "started as", "p50, 1 client", "p95", "scripts/s", "p50, 8 clients", "p95", "scripts/s"]
    lines = []
    for script in dict.fromkeys(script for script, _, _ in comparison):
        for row, meaning in rows.items():
            cells = []
            for clients in CLIENTS:
                sample = comparison[script, row, clients]
                cells += [f"{sample.percentile_ms(percent):.1f} ms" for percent in (50, 95)]
                cells.append(f"{sample.per_second():.1f}")
            lines.append([script, meaning, *cells])
    return _table(head, lines)


def target_table(targets: Iterable[Target]) -> str:
    """Show what was reached and what was missed."""
    lines = []
    for target in targets:
        bound = f"{'≥' if target.at_least else '≤'} {target.bound:g} {target.unit}"
        lines.append([target.name, f"{target.measured:.2f} {target.unit}", bound, "met" if target.met() else "missed"])
    return _table(["what", "measured", "aim", ""], lines)


def growth_table(loads: Iterable[Load]) -> str:
    """Show how latency, throughput and memory grow with the clients."""
    lines = [
        [
            script,
            str(load.clients),
            *(f"{sample.percentile_ms(percent):.1f} ms" for percent in (50, 95)),
            f"{sample.per_second():.1f}",
            f"{load.memory_mib[script]:.0f} MiB",
        ]
        for load in loads
        for script, sample in load.samples.items()
    ]
    lines.sort(key=lambda cells: cells[0])  # stable: the clients stay in their order
    return _table(["script", "clients", "p50", "p95", "scripts/s", "memory (PSS)"], lines)


def put_between_markers(text: str, table: str, name: str) -> str:
    """Replace what stands between the lines `<!-- name -->` and `<!-- /name -->`; without them change nothing."""
    before, found_begin, rest = text.partition(f"<!-- {name} -->\n")
    _, found_end, after = rest.partition(f"<!-- /{name} -->")
    return f"{before}{found_begin}{table}{found_end}{after}" if found_begin and found_end else text


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Render a Markdown table."""
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ["---"] * len(head), *lines))
