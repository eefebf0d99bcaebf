"""What the checker says about one script."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One use of something that a rule denies.

    Attributes:
        rule: the rule's id.
        message: what was used, and what to do instead.
        line, column: where, both from 1; the column counts characters.
    """

    rule: str
    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Report:
    """The verdict on one script.

    Attributes:
        code: None when the script is accepted; otherwise `syntax_error`, `policy_violation`, `missing_main` or
            `missing_return`, the first that applies in this order.
        error: one sentence for the script's author; empty when accepted.
        line, column: where, both from 1, the column in characters; None where no place can be named.
        traceback: for syntax errors, Python's own rendering with the line and the caret; otherwise empty.
        violations: sorted by line and column; at most `findings.MAX_VIOLATIONS` of them.
        imports: the top-level name of every module that the script imports, wherever the statement stands.
    """

    code: str | None = None
    error: str = ""
    line: int | None = None
    column: int | None = None
    traceback: str = ""
    violations: tuple[Violation, ...] = ()
    imports: frozenset[str] = frozenset()
