"""The report of the check of one script."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Violation:
    """One use of something that a rule denies.

    Attributes:
        rule: the rule's id.
        message: what was used, and what to do instead.
        line, column: its place, both from 1; the column counts characters.
    """

    rule: str
    message: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Report:
    """What the check says about one script.

    Attributes:
        code: None if the script is accepted; otherwise the first that applies of `syntax_error`, `policy_violation`,
            `missing_main` and `missing_return`.
        error: one sentence for the script's author; empty if the script is accepted.
        line, column: the place of the error, both from 1, the column in characters; None if there is no such place.
        traceback: for syntax errors, Python's own rendering with the line and the caret; otherwise empty.
        violations: at most `findings.MAX_VIOLATIONS`, sorted by line and column.
        imports: the top-level name of every module that the script imports anywhere.
    """

    code: str | None = None
    error: str = ""
    line: int | None = None
    column: int | None = None
    traceback: str = ""
    violations: tuple[Violation, ...] = ()
    imports: frozenset[str] = frozenset()
