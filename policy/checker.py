"""The check of a script against a set of rules."""

from pathlib import Path
from typing import Final

from policy.checks import Checks
from policy.compiling import compile_error
from policy.denials import Denials
from policy.parse import MAX_SOURCE_BYTES, SourceError, parse
from policy.report import Report
from policy.rules import SHIPPED, Rule, load_policy_file
from policy.scope import Scope
from policy.script_index import ScriptIndex
from policy.visits import Function
from policy.walk import index_script

# At most this many imports are reported, and only those with a name of at most this length: no warm module has a longer
# one.
_MAX_IMPORTS = 500
_MAX_IMPORTED_NAME = 64


class Policy:
    """A set of rules, ready to check scripts from several threads at once. Immutable."""

    __slots__ = ("_denials", "_max_source_bytes", "rules", "warnings")

    rules: Final[tuple[Rule, ...]]
    warnings: Final[tuple[str, ...]]

    def __init__(
        self,
        rules: tuple[Rule, ...],
        max_source_bytes: int = MAX_SOURCE_BYTES,
        warnings: tuple[str, ...] = (),
    ) -> None:
        """Prepare the rules.

        Args:
            rules: as `load_rules` has validated them.
            max_source_bytes: a script with more bytes (UTF-8) is refused.
            warnings: what the operator should know about the file that the rules come from.
        """
        self.rules = rules
        self.warnings = warnings
        self._denials = Denials(rules)
        self._max_source_bytes = max_source_bytes

    def check(self, script: str) -> Report:
        """Check a script, which may be any str.

        Returns:
            The report. It has all violations at once; if there are none, what is wrong with `main`; if nothing is
            wrong, the code None.
        """
        script = script.removeprefix("\ufeff")
        try:
            index = index_script(parse(script, self._max_source_bytes))
        except SourceError as error:
            return error.report
        try:
            report = self._report(index, script)
        except SourceError as error:
            return error.report
        finally:
            index.release()
        # An error in the language says more than a refusal. An accepted script is compiled in the jail.
        if report.code is not None and (wrong := compile_error(index, script)):
            return wrong
        return report

    def _report(self, index: ScriptIndex, script: str) -> Report:
        imports = _imports(index)
        if self.rules and (found := Checks(self._denials, index, script).findings()):
            return found.report(script, imports)
        code, error_text, node = _main_problem(index)
        line, column = (node.lineno, node.col_offset + 1) if node else (None, None)
        return Report(code, error_text, line, column, imports=imports)


def load_policy(path: Path | None = None) -> Policy:
    """Load a policy file; the shipped `rules.yaml` if no path is given.

    Raises:
        PolicyFileError: the file cannot be read or does not fit the schema.
    """
    content = load_policy_file(SHIPPED if path is None else path)
    return Policy(content.rules, warnings=content.warnings)


def _imports(index: ScriptIndex) -> frozenset[str]:
    names = [(node.lineno, alias.name) for node, _ in index.imports for alias in node.names]
    names += [(node.lineno, node.module) for node, _ in index.from_imports if node.module and not node.level]
    tops = dict.fromkeys(name.partition(".")[0] for _, name in sorted(names))
    return frozenset([top for top in tops if len(top) <= _MAX_IMPORTED_NAME][:_MAX_IMPORTS])


def _main_problem(index: ScriptIndex) -> tuple[str | None, str, Function | None]:
    values = index.module.bindings.get("main")
    if not values:
        return "missing_main", "Script must define a 'main()' function", None
    # Anything but a plain function (an import, a lambda, a class) is trusted to return a value.
    silent = [value.node for value in values if isinstance(value, Scope) and not value.gives_value]
    if len(silent) < len(values):
        return None, "", None
    last = max((node for node in silent if isinstance(node, Function)), key=lambda node: node.lineno)
    return "missing_return", "The 'main()' function must return a value: no 'return' in it has one", last
