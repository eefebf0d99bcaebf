"""`python -m bench`: measures, prints the tables, and writes them down."""

import argparse
import tempfile
from pathlib import Path

from . import measure, results
from .chart import growth_chart
from .load import find_wrk
from .processes import require_root
from .report import heading
from .servers import ROOT, run_rows
from .workloads import PANDAS


def main() -> None:
    """Run the whole bench, and write `RESULTS.md`, `growth.svg` and the README's table; with --quick elsewhere."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the service.")
    parser.add_argument("--quick", action="store_true", help="measure briefly, and write to bench/quick/")
    quick = parser.parse_args().quick
    find_wrk()
    require_root()
    plan = measure.QUICK if quick else measure.THOROUGH
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)  # scripts with user ids of their own pass through it
        print("Comparing the rows …", flush=True)
        comparison = measure.compare(folder / "rows", plan, run_rows)
        table = results.comparison_table(comparison, results.ROWS)
        targets = results.ratio_targets(comparison)
        print(f"\n{table}\n{results.target_table(targets)}\nMeasuring the start …", flush=True)
        warm_pandas_seconds = comparison[PANDAS.name, "warm", 1].percentile_ms(50) / 1000
        targets += results.start_targets(measure.start_up(folder, plan, warm_pandas_seconds))
        print("Measuring the growth …\n", flush=True)
        loads = measure.growth(folder / "growth", plan, warm_pandas_seconds)
    growth = results.growth_table(loads)
    print(f"{results.target_table(targets)}\n{growth}")
    # Before anything is written, which would make the commit look changed.
    document = _document(plan, table, results.target_table(targets), growth)
    output = ROOT / "bench" / "quick" if quick else ROOT / "bench"
    output.mkdir(exist_ok=True)
    (output / "growth.svg").write_text(growth_chart(loads), "utf-8")
    (output / "RESULTS.md").write_text(document, "utf-8")
    if not quick:
        readme = ROOT / "README.md"
        readme.write_text(results.put_between_markers(readme.read_text("utf-8"), table, "bench"), "utf-8")


def _document(plan: measure.Plan, comparison: str, targets: str, growth: str) -> str:
    """Put the tables and what they were measured on into one Markdown document."""
    return f"""# Results of `make bench`

{heading()}

Everything goes through HTTP and functions-framework, with one gunicorn worker. wrk keeps each client's connection,
sends the next request as soon as an answer is there, and checks every answer. The rows ran side by side and took turns:
{plan.rounds} times {plan.seconds} s for each script, row and number of clients.

{comparison}
*hello* prints a line and returns a dict, *pandas* is the README's DataFrame example, *CPU 50 ms* uses 50 ms of CPU. The
*floor* forks, for each script, a single-threaded interpreter that has imported what the script needs, without any
isolation, and runs the script with the service's own code.

## Aims

{targets}
The start is the median of {plan.starts}. pandas is warm with the first answer that takes less than three
times the p50 above; until then one pandas script after another was sent, each of which ran in a cold jail and so slowed
the warming down.

## Growth

![Latency and memory by number of clients](growth.svg)

{growth}
With as many spares as by default, and `SANDBOX_CONCURRENCY` as high as it takes for no client to be refused.
"""


if __name__ == "__main__":
    main()
