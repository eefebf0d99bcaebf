"""`python -m soak`: puts a mix of scripts at twice its capacity on the service, then breaks its parts.

It writes SOAK.md and its charts, also if something was wrong, and then ends with status 1.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from bench.processes import require_root
from bench.report import heading
from bench.servers import ROOT

from . import report
from .faults import Recovery, break_service
from .resource_faults import resource_faults
from .signal_faults import signal_faults
from .soak import Soak, run_soak

_QUICK_MINUTES = 0.1


def main() -> None:
    """Soak, then inject the faults, and write the report; exit with 1 if something was found."""
    parser = argparse.ArgumentParser(prog="python -m soak", description="Look for what grows, and what breaks.")
    parser.add_argument("--minutes", type=float, default=30, help="how long the soak lasts")
    parser.add_argument("--seed", type=int, default=1, help="the seed for the order of the scripts")
    parser.add_argument(
        "--fault", action="append", metavar="WORDS", help="inject only faults with such a name; no soak"
    )
    parser.add_argument("--quick", action="store_true", help="a short soak and one fault")
    parser.add_argument(
        "--output", type=Path, help="the folder for the report; soak/, or soak/quick/ if not all is done"
    )
    options = parser.parse_args()
    require_root()
    said = heading()  # before anything is written, which would make the commit look changed
    minutes = _QUICK_MINUTES if options.quick else options.minutes
    wanted = options.fault or (["SIGKILL of the zygotes"] if options.quick else [""])
    measured: Soak | None = None
    recoveries: list[Recovery] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        if not options.fault:
            print(f"Soaking for {minutes:g} minutes …", flush=True)
            measured = run_soak(folder / "soak", minutes * 60, options.seed)
            print(*measured.findings, sep="\n")
        for number, fault in enumerate([*signal_faults(), *resource_faults(folder)]):
            if any(words in fault.name for words in wanted):
                recovery = break_service(fault, folder / f"fault{number}")
                print(report.row(recovery).rstrip(), *recovery.findings, sep="\n  ", flush=True)
                recoveries.append(recovery)
    usual = ROOT / "soak" / "quick" if options.quick or options.fault else ROOT / "soak"
    output = options.output or usual
    output.mkdir(exist_ok=True)
    report.write(output, said, measured, recoveries)
    sys.exit(1 if (measured and measured.findings) or any(recovery.findings for recovery in recoveries) else 0)


if __name__ == "__main__":
    main()
