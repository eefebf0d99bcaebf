"""`python -m bench.policy`: what the check of a script costs, beside what Python's own parser and compiler cost."""

import ast
import timeit
from pathlib import Path

from policy import load_policy

SCRIPT = Path(__file__).resolve().parent / "scripts" / "shop_report.py"
_ROUNDS = 300


def main() -> None:
    """Print the best of many rounds; the three take turns, so that all meet the same machine."""
    source, policy = SCRIPT.read_text("utf-8"), load_policy()
    acts = {
        "ast.parse": lambda: ast.parse(source),
        "compile": lambda: compile(source, "script.py", "exec"),
        "check": lambda: policy.check(source),
    }
    rounds = [{name: timeit.timeit(act, number=1) for name, act in acts.items()} for _ in range(_ROUNDS)]
    best_ms = {name: 1000 * min(each[name] for each in rounds) for name in acts}
    print(f"{SCRIPT.name}, {source.count(chr(10))} lines")
    for name, milliseconds in best_ms.items():
        print(f"{name:<10} {milliseconds:.2f} ms   {milliseconds / best_ms['ast.parse']:.2f} x ast.parse")


if __name__ == "__main__":
    main()
