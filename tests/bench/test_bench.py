"""What the bench makes of its measurements; nothing is measured here."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest

from bench import results
from bench.chart import growth_chart, tick_step
from bench.load import Sample, WrongAnswers, parse
from bench.results import CLIENTS, ROWS, Load, StartUp, Target
from bench.workloads import CPU, HELLO, PANDAS, WORKLOADS
from policy import load_policy
from tests.conftest import ROOT, Server

WRK = """Running 5s test @ http://127.0.0.1:8080/execute
  2 threads and 2 connections
  Latency     4.11ms    1.02ms   9.33ms   80.00%
busy_us 9000
latencies_us 4000 5000
wrong 0 {second}
busy_us 11000
latencies_us 1000 2000 8000
wrong {wrong} 500 {{"code":"internal_error"}}
socket_errors {errors}
"""


def sample(milliseconds: float, clients: int = 1) -> Sample:
    """One answer per client, after this long."""
    return Sample((round(milliseconds * 1000),) * clients, clients, clients * milliseconds / 1000)


def comparison(**milliseconds: float) -> dict[tuple[str, str, int], Sample]:
    return {
        (workload.name, row, clients): sample(milliseconds[row] * clients, clients)
        for workload in WORKLOADS
        for row in ROWS
        for clients in CLIENTS
    }


def test_wrk_output_is_read_from_every_thread() -> None:
    assert parse(WRK.format(second="", wrong=0, errors=0), 2) == Sample((4000, 5000, 1000, 2000, 8000), 2, 0.02)


@pytest.mark.parametrize(
    ("output", "message"),
    [
        (
            WRK.format(second="", wrong=3, errors=0),
            "3 of one client's answers were wrong, such as: 500 .*internal_error",
        ),
        (WRK.format(second="", wrong=10, errors=0), "10 of one client's answers"),
        (WRK.format(second="", wrong=0, errors=2), "2 requests had no answer"),
        ("latencies_us \nwrong 0 \nsocket_errors 0\n", "no answer was measured"),
        ("unable to connect to 127.0.0.1:8080", "no answer was measured; wrk said: unable to connect"),
    ],
)
def test_wrong_or_missing_answers_are_no_measurement(output: str, message: str) -> None:
    with pytest.raises(WrongAnswers, match=message):
        parse(output, 2)


@pytest.mark.parametrize(
    ("latencies_us", "percent", "milliseconds"),
    [
        ((7000,), 50, 7),
        ((7000,), 95, 7),
        ((4000, 1000, 3000, 2000), 50, 2),
        (tuple(range(1000, 101_000, 1000)), 50, 50),
        (tuple(range(1000, 101_000, 1000)), 95, 95),
        (tuple(range(100_000, 0, -1000)), 95, 95),
        ((1000, 2000), 0, 1),
    ],
)
def test_percentiles_are_by_nearest_rank(latencies_us: tuple[int, ...], percent: float, milliseconds: float) -> None:
    assert Sample(latencies_us, 1, 1).percentile_ms(percent) == milliseconds


def test_throughput_counts_every_clients_own_time() -> None:
    # Two clients with 4 answers each: one in 1 s, the other in 3 s.
    assert Sample((1,) * 8, 2, 4.0).per_second() == 4


def test_samples_of_two_rounds_are_joined() -> None:
    joined = Sample((1000, 2000), 4, 1.0) + Sample((3000,), 4, 2.0)
    assert joined == Sample((1000, 2000, 3000), 4, 3.0)
    assert joined.per_second() == 4


def test_ratios() -> None:
    targets = results.ratio_targets(comparison(warm=4, cold=100, subprocess=50, floor=5))
    assert [round(target.measured, 6) for target in targets] == [25, 25, 0.8, 0.8, 0.8, 25, 25]
    assert [target.bound for target in targets] == [30, 6, 1.25, 1.25, 1.25, 3, 18]
    assert [target.met() for target in targets] == [False, True, True, True, True, True, True]


@pytest.mark.parametrize(
    ("measured", "at_least", "met"),
    [(30, True, True), (29.99, True, False), (30, False, True), (30.01, False, False)],
)
def test_a_bound_is_met_when_it_is_reached(measured: float, at_least: bool, met: bool) -> None:
    assert Target("x", measured, 30, at_least, "s").met() is met


def test_start_targets_say_what_was_missed() -> None:
    table = results.target_table(results.start_targets(StartUp(0.3, 0.9, 2.5, 150)))
    assert [line.split(" | ")[-1] for line in table.splitlines()[2:]] == ["met |", "met |", "missed |", "met |"]
    assert "| start until pandas is warm | 2.50 s | ≤ 2 s | missed |" in table


def test_comparison_table_has_every_row_under_every_load() -> None:
    lines = results.comparison_table(comparison(warm=4, cold=100, subprocess=50, floor=5), ROWS).splitlines()
    assert len(lines) == 2 + len(WORKLOADS) * len(ROWS)
    assert {line.count("|") for line in lines} == {9}
    assert lines[2] == "| hello | this service | 4.0 ms | 4.0 ms | 250.0 | 32.0 ms | 32.0 ms | 250.0 |"


def growing() -> list[Load]:
    return [
        Load(
            clients,
            {HELLO.name: sample(3 * clients, clients), PANDAS.name: sample(9 * clients, clients)},
            {HELLO.name: 150 + clients, PANDAS.name: 180 + clients},
        )
        for clients in (1, 2, 4)
    ]


def test_growth_table_goes_by_script_and_then_by_clients() -> None:
    lines = results.growth_table(growing()).splitlines()[2:]
    assert [line.split(" | ")[:2] for line in lines] == [
        [f"| {script}", str(clients)] for script in ("hello", "pandas") for clients in (1, 2, 4)
    ]
    assert lines[-1] == "| pandas | 4 | 36.0 ms | 36.0 ms | 111.1 | 184 MiB |"


def test_chart_is_an_svg_with_units_and_a_line_for_everything() -> None:
    root = ElementTree.fromstring(growth_chart(growing()))
    name = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in root.iter(f"{name}text")]
    assert {"Latency (ms)", "Memory, PSS (MiB)", "clients", "hello p50", "pandas p95"} <= set(texts)
    lines = [[point.split(",") for point in line.attrib["points"].split()] for line in root.iter(f"{name}polyline")]
    assert [len(points) for points in lines] == [3] * 6
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    assert all(0 < float(x) < width and 0 < float(y) < height for points in lines for x, y in points)
    # More is higher up.
    assert all(float(points[0][1]) > float(points[-1][1]) for points in lines)


@pytest.mark.parametrize(
    ("highest", "step"), [(5, 1), (5.1, 2), (90, 20), (100, 20), (101, 50), (0.4, 0.1), (260, 100)]
)
def test_ticks_are_round_numbers(highest: float, step: float) -> None:
    assert tick_step(highest) == pytest.approx(step)


def test_an_axis_needs_something_to_show() -> None:
    with pytest.raises(ValueError, match="positive"):
        tick_step(0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n<!-- bench -->\nold\n<!-- /bench -->\nb\n", "a\n<!-- bench -->\nnew\n<!-- /bench -->\nb\n"),
        ("a\n<!-- bench -->\n<!-- /bench -->", "a\n<!-- bench -->\nnew\n<!-- /bench -->"),
        ("a\nb\n", "a\nb\n"),
        ("a\n<!-- bench -->\nb\n", "a\n<!-- bench -->\nb\n"),
    ],
)
def test_the_table_goes_between_the_markers(text: str, expected: str) -> None:
    assert results.put_between_markers(text, "new\n", "bench") == expected


@pytest.mark.parametrize("workload", WORKLOADS, ids=lambda workload: workload.name)
def test_the_service_answers_as_the_bench_expects(workload: Any, server: Server) -> None:
    answer = server.send(workload.request_body())
    assert answer.status_code == 200
    assert answer.text.startswith(workload.answer + ',"usage":')


def test_pandas_is_the_example_of_the_readme() -> None:
    source = re.sub(r"\n+", "\n", (ROOT / "bench" / "scripts" / PANDAS.file).read_text()).strip()
    readme = (ROOT / "README.md").read_text().replace("\\n", "\n").replace('\\"', '"')
    assert source in re.sub(r"\n+", "\n", readme)


def test_only_pandas_needs_the_warm_interpreter() -> None:
    policy = load_policy(None)
    for workload, modules in ((HELLO, set()), (PANDAS, {"pandas"}), (CPU, {"time"})):
        assert policy.check((ROOT / "bench" / "scripts" / workload.file).read_text()).imports == modules
