"""The checker: what a script uses, against what the rules deny."""

import ast
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from policy import structure
from policy.handed_on import GETTER_MAKERS, READING_WORDS, HandedOn
from policy.report import Report, Violation
from policy.resolve import UNKNOWN, Resolver
from policy.rules import SHIPPED, Rule, RuleIndex, load_rules, public_name
from policy.scope import Scope
from policy.survey import Function, Survey
from policy.templates import replacement_fields

# More help nobody, and a hostile script could ask for an answer a hundred times its own size.
MAX_VIOLATIONS = 100

_FORMATTERS = frozenset({"format", "format_map"})
_FORMAT_PATHS = frozenset(
    {"builtins.str.format", "builtins.str.format_map", "string.Formatter.format", "string.Formatter.vformat"}
)
# Called as attributes (`operator.attrgetter(…)`), these are worth resolving; other methods are not.
_CALLED_ATTRIBUTES = frozenset(path.rpartition(".")[2] for path in _FORMAT_PATHS | GETTER_MAKERS)


class Policy:
    """A set of rules, ready to check scripts from several threads at once. Immutable."""

    __slots__ = ("_index", "_max_source_bytes", "rules")

    rules: Final[tuple[Rule, ...]]

    def __init__(self, rules: tuple[Rule, ...], max_source_bytes: int = structure.MAX_SOURCE_BYTES) -> None:
        """Index the rules; scripts above `max_source_bytes` (UTF-8) are refused."""
        self.rules = rules
        self._index = RuleIndex(rules)
        self._max_source_bytes = max_source_bytes

    def check(self, script: str) -> Report:
        """Check a script, whatever the str holds.

        Returns:
            The report: all violations at once; with none, what is wrong with `main`; with nothing wrong, code None.
        """
        try:
            survey = Survey(structure.parse(script, self._max_source_bytes))
        except structure.SourceError as error:
            return error.report
        try:
            return self._report(survey, script)
        except structure.SourceError as error:
            return error.report
        finally:
            survey.release()

    def _report(self, survey: Survey, script: str) -> Report:
        found = _Checker(self._index, survey).violations() if self.rules else []
        if found:
            return _refused(found, script, _imports(survey))
        code, error_text, node = _main_problem(survey)
        line, column = (node.lineno, node.col_offset + 1) if node else (None, None)
        return Report(code, error_text, line, column, imports=_imports(survey))


def load_policy(path: Path | None = None) -> Policy:
    """Load a policy file; without a path, the shipped `rules.yaml`.

    Raises:
        PolicyFileError: the file cannot be read or does not fit the schema.
    """
    return Policy(load_rules(SHIPPED if path is None else path))


def _imports(survey: Survey) -> frozenset[str]:
    names = [alias.name for node, _ in survey.imports for alias in node.names]
    names += [node.module for node, _ in survey.from_imports if node.module and not node.level]
    return frozenset(name.partition(".")[0] for name in names)


def _main_problem(survey: Survey) -> tuple[str | None, str, Function | None]:
    values = survey.module.bindings.get("main")
    if not values:
        return "missing_main", "Script must define a 'main()' function", None
    # Whatever is not a plain function (an import, a lambda, a class) is taken at its word.
    silent = [value.node for value in values if isinstance(value, Scope) and not value.gives_value]
    if len(silent) < len(values):
        return None, "", None
    last = max((node for node in silent if isinstance(node, Function)), key=lambda node: node.lineno)
    return "missing_return", "The 'main()' function must return a value: no 'return' in it has one", last


_Found = tuple[int, int, str, str]  # line, column in UTF-8 bytes from 0, rule id, message


def _refused(found: list[_Found], script: str, imports: frozenset[str]) -> Report:
    lines = structure.split_lines(script)
    violations = []
    for line, offset, rule, message in sorted(set(found))[:MAX_VIOLATIONS]:
        before = lines[line - 1].encode()[:offset] if line <= len(lines) else b""
        violations.append(Violation(rule, message, line, len(before.decode(errors="replace")) + 1))
    first = violations[0]
    more = len(set(found)) - 1
    error = first.message if not more else f"{first.message} ({more} more {'violation' if more == 1 else 'violations'})"
    return Report("policy_violation", error, first.line, first.column, "", tuple(violations), imports)


_Denied = tuple[Rule, str]  # with what to call the denied thing


class _Checker:
    """The check of one script."""

    def __init__(self, index: RuleIndex, survey: Survey) -> None:
        self._index = index
        self._survey = survey
        self._resolver = Resolver(survey)
        self._found: list[_Found] = []
        self._known_paths: dict[str, Rule | None] = {}
        self._known_texts: dict[tuple[str, str], _Denied | None] = {}
        handed_on = HandedOn(index, survey, self._resolver)
        self._escaped = handed_on.names
        # The names that count wherever a text can be a member's name; none where nothing reads members by name.
        self._read_by_name = index.attributes | handed_on.names if handed_on.by_name else {}
        self._looked_up = index.tails | index.attributes.keys() | index.builtins

    def violations(self) -> list[_Found]:
        self._check_imports()
        self._check_names()
        self._check_attributes()
        if not self._survey.words.isdisjoint(READING_WORDS):
            self._check_subscripts()
            self._check_calls()
        for pattern, scope in self._survey.class_patterns:
            self._check_access(pattern, None, pattern.kwd_attrs, scope)
        if self._read_by_name:
            self._check_texts()
        return self._found

    def _report(self, node: ast.expr | ast.stmt | ast.pattern | ast.alias, rule: Rule, what: str) -> None:
        self._found.append((node.lineno, node.col_offset, rule.id, f"`{what}` is not allowed. {rule.message}"))

    def _check_imports(self) -> None:
        for node, _ in self._survey.imports:
            for alias in node.names:
                if rule := self._index.path_rule(alias.name):
                    self._report(alias, rule, f"import {alias.name}")
        for statement, _ in self._survey.from_imports:
            if statement.level or statement.module is None:
                continue
            if rule := self._index.path_rule(statement.module):
                self._report(statement, rule, f"from {statement.module} import")
                continue
            for alias in statement.names:
                self._check_imported(statement.module, alias)

    def _check_imported(self, module: str, alias: ast.alias) -> None:
        if alias.name == "*":
            if held := self._index.star_rule(module):
                path, star_rule = held
                self._report(alias, star_rule, f"from {module} import *`, which brings in `{path}")
            return
        if rule := self._index.path_rule(f"{module}.{alias.name}") or self._index.attributes.get(alias.name):
            self._report(alias, rule, f"from {module} import {alias.name}")

    def _check_names(self) -> None:
        builtins, tails, stars = self._index.builtins, self._index.tails, self._resolver.stars
        for node, scope, _ in self._survey.names:
            if node.id in builtins:
                path = f"builtins.{node.id}"
                if path in self._resolver.name_paths(node, scope) and (rule := self._index.path_rule(path)):
                    self._report(node, rule, node.id)
            elif stars and public_name(node.id) in tails and scope.owner(node.id) is None:
                self._check_paths(node, self._resolver.name_paths(node, scope))

    def _path_rule(self, path: str) -> Rule | None:
        if path not in self._known_paths:
            self._known_paths[path] = self._index.path_rule(path)
        return self._known_paths[path]

    def _check_paths(self, node: ast.expr | ast.pattern, paths: Iterable[str]) -> bool:
        denied = [(rule, path) for path in paths if (rule := self._path_rule(path))]
        for rule, path in denied:
            self._report(node, rule, path)
        return bool(denied)

    def _check_attributes(self) -> None:
        attributes, tails = self._index.attributes, self._index.tails
        for node, scope, _ in self._survey.attributes:
            attr = node.attr
            if rule := attributes.get(attr):
                self._report(node, rule, attr)
            elif attr in tails or (attr[0] == "_" and (public_name(attr) in tails or attr == "__self__")):
                self._check_access(node, node.value, (attr,), scope)
            elif attr in _FORMATTERS:
                self._check_formats(node, self._resolver.strings(node.value, scope))

    def _check_access(
        self, node: ast.expr | ast.pattern, base: ast.expr | None, names: Iterable[str], scope: Scope
    ) -> None:
        """Check reading attributes by name from an object; `base` is None where nothing is known about it."""
        paths = self._resolver.paths(base, scope) if base is not None else frozenset()
        for name in names:
            if rule := self._index.attributes.get(name):
                self._report(node, rule, name)
                continue
            if self._check_paths(node, self._resolver.members(paths, (name,), node)):
                continue
            if (not paths or UNKNOWN in paths) and (rule := self._escaped.get(public_name(name))):
                self._report(node, rule, name)

    def _check_subscripts(self) -> None:
        for node, scope in self._survey.subscripts:
            self._check_item(node, node.value, node.slice, scope)

    def _check_item(self, node: ast.expr, base: ast.expr, key: ast.expr, scope: Scope) -> None:
        """Check reading an item by name, which is an attribute where the object is a namespace."""
        if isinstance(key, ast.Constant) and key.value not in self._looked_up:
            return
        if self._resolver.paths(base, scope) or self._resolver.is_namespace(base, scope):
            self._check_access(node, base, self._resolver.strings(key, scope) & self._looked_up, scope)

    def _check_calls(self) -> None:
        for node, scope in self._survey.calls:
            if not node.args:
                continue
            lookup = self._resolver.lookup(node, scope)
            if lookup is None:
                self._check_function(node, scope)
            elif lookup.is_item:
                self._check_item(node, lookup.base, lookup.key, scope)
            else:
                names = self._resolver.strings(lookup.key, scope)
                self._check_access(node, lookup.base, names & self._looked_up, scope)
                if names & _FORMATTERS:
                    self._check_formats(node, self._resolver.strings(lookup.base, scope))

    def _check_function(self, node: ast.Call, scope: Scope) -> None:
        if isinstance(node.func, ast.Attribute) and node.func.attr not in _CALLED_ATTRIBUTES:
            return
        paths = self._resolver.paths(node.func, scope)
        if paths & _FORMAT_PATHS:
            self._check_formats(node, self._resolver.strings(node.args[0], scope))
        if paths & GETTER_MAKERS:
            for argument in node.args:
                for dotted in self._resolver.strings(argument, scope):
                    self._report_known(node, self._in_dotted_name, dotted)

    def _check_texts(self) -> None:
        """Check every text that can be a member's name: what reads members by name was handed on, who knows where."""
        places = {(line, column, rule) for line, column, rule, _ in self._found}
        texts: list[tuple[ast.expr | ast.pattern, ast.expr, Scope]] = [
            (node, part, scope)
            for node, scope in self._survey.calls
            if "builtins.hasattr" not in self._resolver.paths(node.func, scope)  # which reads nothing
            for part in (*node.args, *(keyword.value for keyword in node.keywords))
        ]
        texts += [(node, node.slice, scope) for node, scope in self._survey.subscripts]
        texts += [(node, key, scope) for node, scope in self._survey.mapping_patterns for key in node.keys]
        for node, part, scope in texts:
            for name in self._resolver.strings(part, scope):
                rule = self._read_by_name.get(public_name(name))
                if rule and (node.lineno, node.col_offset, rule.id) not in places:
                    self._report(node, rule, name)

    def _check_formats(self, node: ast.expr, templates: Iterable[str]) -> None:
        for template in templates:
            self._report_known(node, self._in_template, template)

    def _report_known(self, node: ast.expr, find: Callable[[str], _Denied | None], text: str) -> None:
        """Report what a text asks for; it is looked through once, however often the script uses it."""
        key = (find.__name__, text)
        if key not in self._known_texts:
            self._known_texts[key] = find(text)
        if denied := self._known_texts[key]:
            self._report(node, *denied)

    def _in_dotted_name(self, dotted: str) -> _Denied | None:
        """What `attrgetter("a.b")` would read that is denied."""
        if rule := self._index.path_rule(dotted) if "." in dotted else None:
            return rule, dotted
        for name in dotted.split("."):
            if rule := self._index.attributes.get(name) or self._escaped.get(public_name(name)):
                return rule, name
        return None

    def _in_template(self, template: str) -> _Denied | None:
        """What `"{0.a.b}".format(x)` would read that is denied."""
        for names in replacement_fields(template):
            rules = [self._index.attributes.get(name) for name in names]
            for rule in [*rules, self._index.formats.get(names[-1])]:
                if rule:
                    return rule, f"{{.{'.'.join(names)}}}"
        return None
