"""What the check of a script finds, and the report on it, whose size is bounded."""

import ast
import heapq
import json
from typing import Final

from policy.denials import Denial
from policy.parse import split_lines
from policy.report import Report, Violation

# More of them help nobody, and a hostile script could cause an answer of a hundred times its own size.
MAX_VIOLATIONS: Final = 100
# The size of all messages together, as JSON. The answer also has the first message again, and the places.
_MAX_BYTES = 128 * 2**10
_MAX_SHOWN = 200

Node = ast.expr | ast.stmt | ast.pattern | ast.alias
_Found = tuple[
    int, int, str, str, str
]  # line, column in UTF-8 bytes from 0, rule id, what was used, the rule's message


class Findings:
    """What was found, in any order. The same finding in the same place counts once."""

    def __init__(self) -> None:
        """Begin without findings."""
        self._found: set[_Found] = set()

    def __bool__(self) -> bool:
        """Return whether anything was found."""
        return bool(self._found)

    def add(self, node: Node, denial: Denial, what: str) -> None:
        """Note that a node uses something denied, and how to name that."""
        self._found.add((node.lineno, node.col_offset, denial.rule, what, denial.message))

    def places(self) -> set[tuple[int, int, str]]:
        """Return where something was found, and by which rule."""
        return {(line, column, rule) for line, column, rule, _, _ in self._found}

    def report(self, script: str, imports: frozenset[str]) -> Report:
        """Report the first findings in the order of the source; messages are made for these alone."""
        lines = split_lines(script)
        encoded: dict[int, bytes] = {}
        violations: list[Violation] = []
        room = _MAX_BYTES
        for line, offset, rule, what, message in heapq.nsmallest(MAX_VIOLATIONS, self._found):
            if line not in encoded:
                encoded[line] = lines[line - 1].encode() if line <= len(lines) else b""
            column = len(encoded[line][:offset].decode(errors="replace")) + 1
            violation = Violation(rule, f"`{_cut(what)}` is not allowed. {message}", line, column)
            room -= len(json.dumps([violation.message, rule]))
            if room < 0 and violations:
                break
            violations.append(violation)
        first = violations[0]
        more = len(self._found) - 1
        error = first.message
        if more:
            error += f" ({more} more {'violation' if more == 1 else 'violations'})"
        return Report("policy_violation", error, first.line, first.column, "", tuple(violations), imports)


def _cut(what: str) -> str:
    """Return a name without its middle if it is too long to read; its end tells more."""
    half = _MAX_SHOWN // 2
    return what if len(what) <= _MAX_SHOWN else f"{what[: half - 1]}…{what[-half:]}"
