"""The report of the soak and of the faults: Markdown, and two charts."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.chart import COLORS, DASHED, SOLID, Line, Panel, draw, time_ticks
from bench.load import percentile

from .clients import OVERLOADED, Reply
from .faults import CAPACITY, LONGEST_ANSWER_SECONDS, Recovery
from .mix import HELLO, KINDS, PANDAS
from .soak import Soak

_BUCKETS = 60
_SHORTEST_BUCKET_SECONDS = 5.0
_MEMORY_LABELS = {
    "memory of the HTTP server (PSS, MiB)": "HTTP server",
    "memory of the launcher and the spawn broker (PSS, MiB)": "launcher",
    "memory of nsjail and the zygotes (PSS, MiB)": "zygotes",
    "memory of spares and scripts (PSS, MiB)": "scripts",
}
_KINDS_HEAD = (
    "| script | must be answered | sent | wrong | p50 | p95 | longest |\n| --- | --- | --- | --- | --- | --- | --- |\n"
)
_FAULT_HEAD = (
    "| fault | callers saw | last wrong answer | first right answer | whole again | `/health` meanwhile "
    "| longest answer |\n| --- | --- | --- | --- | --- | --- | --- |\n"
)


def write(folder: Path, heading: str, soak: Soak | None, recoveries: Sequence[Recovery]) -> None:
    """Write `SOAK.md` and its charts into a folder.

    Args:
        folder: the folder.
        heading: when, on which commit and on which machine it was measured.
        soak, recoveries: what was measured; empty if it was not.
    """
    parts = [f"# Results of `make soak`\n\n{heading}\n"]
    if soak is not None:
        parts.append(_soak_part(soak))
        if soak.answers and soak.samples:
            latency, resources = charts(soak)
            (folder / "latency.svg").write_text(latency, "utf-8")
            (folder / "resources.svg").write_text(resources, "utf-8")
    if recoveries:
        parts.append(_faults_part(recoveries))
    (folder / "SOAK.md").write_text("\n".join(parts), "utf-8")


def _soak_part(soak: Soak) -> str:
    accepted = [answer for answer in soak.answers if answer.code != OVERLOADED]
    refused = len(soak.answers) - len(accepted)
    seconds = max(soak.seconds, 1e-9)
    longest = max((answer.seconds for answer in accepted), default=0.0)
    counts = (
        f"{len(accepted)} scripts were run, {len(accepted) / seconds:.0f} per second; {refused} requests were refused "
        f"with 429. The longest answer took {longest:.1f} s."
    )
    return f"""The service ran as in its image: `python -m service.launcher` as root, the HTTP server dropped, every
setting its default. For {seconds / 60:.1f} minutes {2 * CAPACITY} clients, twice as many as may run or wait
({CAPACITY}), sent a mix of scripts, each client the next one as soon as it had its answer. A client that was refused
asked again after about 0.2 s and did not honour `Retry-After`, so that the service was above its capacity all the time.
Each script got a number of its own, which had to come back in its result and in what it printed.

{counts} **{_verdict(soak.findings)}**

{_list(soak.findings)}
![Latency and answers per second over time](latency.svg)

![Memory and processes over time](resources.svg)

{_kinds_table(accepted)}
What the service held at rest, before and after{_lost(soak)}:

{_stock_table(soak.before, soak.after, soak.samples)}"""


def _verdict(findings: Sequence[str]) -> str:
    if findings:
        return "Something was wrong:"
    return "No answer was wrong or another's, none came later than two timeouts and 2 s, and nothing has grown."


def _list(findings: Sequence[str]) -> str:
    return "".join(f"- {finding}\n" for finding in findings)


def _lost(soak: Soak) -> str:
    return (
        f" ({soak.lost_samples} of {len(soak.samples) + soak.lost_samples} looks failed)" if soak.lost_samples else ""
    )


def _kinds_table(accepted: Sequence[Reply]) -> str:
    by_kind: dict[str, list[Reply]] = defaultdict(list)
    for answer in accepted:
        by_kind[answer.kind].append(answer)
    table = _KINDS_HEAD
    for kind in KINDS:
        answers = by_kind[kind.name]
        if not answers:
            continue
        milliseconds = [answer.seconds * 1000 for answer in answers]
        wrong = sum(not answer.right for answer in answers)
        shown = " | ".join(f"{percentile(milliseconds, percent):.0f} ms" for percent in (50, 95, 100))
        due = f"`{kind.code}`" if kind.code else "its number"
        table += f"| {kind.name} | {due} | {len(answers)} | {wrong} | {shown} |\n"
    return table


def _stock_table(
    before: Mapping[str, float], after: Mapping[str, float], samples: Sequence[tuple[float, Mapping[str, float]]]
) -> str:
    table = "| | before | most under load | after |\n| --- | --- | --- | --- |\n"
    for name, count in before.items():
        most = max((sample[name] for _, sample in samples), default=0)
        table += f"| {name} | {count:.0f} | {most:.0f} | {after[name]:.0f} |\n" if after else ""
    return table


def charts(soak: Soak) -> tuple[str, str]:
    """Draw latency and throughput, and memory and processes, over the minutes of the soak."""
    minutes = max(soak.seconds, soak.samples[-1][0]) / 60
    ticks = time_ticks(minutes)
    size = max(soak.seconds / _BUCKETS, _SHORTEST_BUCKET_SECONDS)
    latency = []
    for kind, color in ((HELLO, COLORS[0]), (PANDAS, COLORS[1])):
        by_time = _buckets([answer for answer in soak.answers if answer.kind == kind.name and answer.right], soak, size)
        for percent, dashes in ((50, SOLID), (95, DASHED)):
            points = [
                (at, percentile([answer.seconds * 1000 for answer in answers], percent)) for at, answers in by_time
            ]
            latency.append(Line(f"{kind.name} p{percent}", points, color, dashes))

    def rate(label: str, color: str, belongs: Callable[[Reply], bool]) -> Line:
        by_time = _buckets([answer for answer in soak.answers if belongs(answer)], soak, size)
        return Line(label, [(at, len(answers) / size) for at, answers in by_time], color)

    rates = [
        rate("answered", COLORS[0], lambda answer: answer.code != OVERLOADED),
        rate("refused", COLORS[1], lambda answer: answer.code == OVERLOADED),
    ]

    def over_time(name: str, label: str, color: str) -> Line:
        return Line(label, [(seconds / 60, sample[name]) for seconds, sample in soak.samples], color)

    memory = [
        over_time(name, label, color) for (name, label), color in zip(_MEMORY_LABELS.items(), COLORS, strict=True)
    ]
    processes = [over_time("processes", "processes", COLORS[0]), over_time("zombies", "zombies", COLORS[1])]
    return (
        draw(
            [
                Panel("Latency of accepted requests (ms)", "minutes", ticks, latency),
                Panel("Answers per second", "minutes", ticks, rates),
            ]
        ),
        draw(
            [
                Panel("Memory, PSS (MiB)", "minutes", ticks, memory),
                Panel("Processes", "minutes", ticks, processes),
            ]
        ),
    )


def _buckets(answers: Sequence[Reply], soak: Soak, size: float) -> list[tuple[float, list[Reply]]]:
    """Sort answers into equal, whole spans of time, each with its middle in minutes; empty ones are left out."""
    found: dict[int, list[Reply]] = defaultdict(list)
    for answer in answers:
        found[int((answer.sent + answer.seconds - soak.started) / size)].append(answer)
    whole = int(soak.seconds / size)
    return [((place + 0.5) * size / 60, found[place]) for place in sorted(found) if place < whole]


def _faults_part(recoveries: Sequence[Recovery]) -> str:
    table = _FAULT_HEAD + "".join(row(recovery) for recovery in recoveries)
    findings = [f"{recovery.fault}: {finding}" for recovery in recoveries for finding in recovery.findings]
    verdict = (
        "Something was wrong:"
        if findings
        else "Nothing was left behind, and every caller had a documented answer in time."
    )
    return f"""## Faults

Each fault met a service of its own, under {CAPACITY} clients. Times are from the fault, or from the action of
an operator or the platform if it takes one (*). *Whole again* is when `/health` is 200 and both zygotes have their
spares. If the service ends, the platform starts it again, and the times are those of the new start. At rest afterwards
its processes, descriptors, mounts and temporary files were counted again. No answer may take more than
{LONGEST_ANSWER_SECONDS:g} s: a turn in the queue and one in a jail that does not answer, each with the wait for its
report, and then a cold jail.

{table}
**{verdict}**

{_list(findings)}"""


def row(recovery: Recovery) -> str:
    """Return one fault's row of the table."""
    mark = " (*)" if recovery.repaired else ""
    ended = f"; ended after {_seconds(recovery.ended)}" if recovery.ended is not None else ""
    cells = (
        recovery.fault + mark,
        _counts(recovery.codes) + ended,
        _seconds(recovery.last_failure),
        _seconds(recovery.first_right),
        _seconds(recovery.whole),
        _counts(recovery.health),
        _seconds(recovery.longest),
    )
    return f"| {' | '.join(cells)} |\n"


def _counts(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.most_common()) or "nothing"


def _seconds(seconds: float | None) -> str:
    return "none" if seconds is None else f"{seconds:.1f} s"
