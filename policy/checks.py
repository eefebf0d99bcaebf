"""The checks of what a script uses against what the rules deny."""

import ast
from collections.abc import Iterable
from typing import Final

from policy.denials import Denial, Denials, public_name
from policy.escape import EscapeAnalysis
from policy.evaluator import Evaluator
from policy.findings import Findings
from policy.guards import check_guarded, imports_any
from policy.readers import FORMAT_METHODS, READING_WORDS, TEXT_METHODS
from policy.scope import Scope
from policy.script_index import ScriptIndex
from policy.text_checks import TextChecks
from policy.values import UNKNOWN

# A script may ask whether they hold a name (`"numpy" in sys.modules`): that takes nothing out of them.
_MAY_BE_ASKED: Final = frozenset({"sys.modules"})
# `from typing import *` is honest. A use of what is denied in it is found by its name.
_OFTEN_IMPORTED_WHOLE: Final = frozenset({"typing"})


class Checks:
    """The checks of one script."""

    def __init__(self, denials: Denials, index: ScriptIndex, script: str) -> None:
        """Get ready."""
        self._denials = denials
        self._index = index
        self._script = script
        self._evaluator = Evaluator(index, len(script))
        self._found = Findings()
        self._known_paths: dict[str, Denial | None] = {}
        escape = EscapeAnalysis(denials, index, self._evaluator)
        self._escaped = escape.names
        # The script's own classes may give any name to their methods.
        own = [name for name in denials.methods.keys() & index.words if index.defines_method(name)]
        self._attributes = {n: each for n, each in denials.members.items() if n not in own} if own else denials.members
        # What is denied in every text that can be a member's name: nothing if the script reads no members by name.
        self._read_by_name = self._attributes | escape.names if escape.by_name else {}
        self._looked_up = denials.looked_up
        self._text_checks = TextChecks(denials, index, self._evaluator, self._found, self._attributes, self._escaped)

    def findings(self) -> Findings:
        """Run all checks.

        Raises:
            SourceError: it is too convoluted to be checked.
        """
        used: set[str] = set()
        if imports_any(self._index, self._denials.guarded_tops):
            used = check_guarded(self._denials, self._index, self._evaluator, self._found)
        self._check_imports(used)
        self._check_names()
        self._check_attributes()
        words = self._index.words
        if not words.isdisjoint(READING_WORDS):
            self._check_subscripts()
            self._check_calls()
        elif not words.isdisjoint(TEXT_METHODS):
            for node, scope in self._index.calls:
                if isinstance(node.func, ast.Attribute) and node.func.attr in TEXT_METHODS:
                    self._text_checks.check_call(node, scope)
        if not words.isdisjoint(self._denials.text_tops) or imports_any(self._index, self._denials.text_tops):
            self._text_checks.check_text_functions()
        # An identifier with other letters than ASCII ones may spell an ASCII one.
        if any(name in self._script for name in self._denials.keywords) or not self._script.isascii():
            self._check_keywords()
        for pattern, scope in self._index.class_patterns:
            self._check_access(pattern, None, pattern.kwd_attrs, scope)
        if self._read_by_name:
            self._text_checks.check_member_names(self._read_by_name)
        return self._found

    def _check_imports(self, used: set[str]) -> None:
        for node, _ in self._index.imports:
            for alias in node.names:
                if alias.name not in used and (denial := self._path_rule(alias.name)):
                    self._found.add(alias, denial, f"import {alias.name}")
        for statement, _ in self._index.from_imports:
            if statement.level or statement.module is None:
                continue
            module = statement.module
            denial = self._path_rule(module)
            if denial and (module not in self._denials.guarded or any(alias.name == "*" for alias in statement.names)):
                self._found.add(statement, denial, f"from {module} import")
                continue
            # If the module as a whole is allowed, the packages further up do not matter.
            module = ".".join(module.split(".")[-_MAX_MODULE_COMPONENTS:])
            for alias in statement.names:
                self._check_imported(statement.module, module, alias, used)

    def _check_imported(self, written: str, module: str, alias: ast.alias, used: set[str]) -> None:
        if alias.name == "*":
            if written not in _OFTEN_IMPORTED_WHOLE and (held := self._denials.star_rule(written)):
                path, star_denial = held
                self._found.add(alias, star_denial, f"from {written} import *`, which brings in `{path}")
            return
        path = f"{module}.{alias.name}"
        if path not in used and (denial := self._denials.path_rule(path) or self._attributes.get(alias.name)):
            self._found.add(alias, denial, f"from {written} import {alias.name}")

    def _check_names(self) -> None:
        builtins, tails, stars = self._denials.builtins, self._denials.tails, self._evaluator.stars
        for node, scope, _ in self._index.names:
            if node.id in builtins:
                path = f"builtins.{node.id}"
                if path in self._evaluator.paths(node, scope) and (denial := self._path_rule(path)):
                    self._found.add(node, denial, node.id)
            elif stars and public_name(node.id) in tails and scope.owner(node.id) is None:
                self._check_paths(node, self._evaluator.paths(node, scope))

    def _path_rule(self, path: str) -> Denial | None:
        if path not in self._known_paths:
            self._known_paths[path] = self._denials.path_rule(path)
        return self._known_paths[path]

    def _check_paths(self, node: ast.expr | ast.pattern, paths: Iterable[str]) -> bool:
        """Report what a node may be that is denied: one path for each rule, however many there are."""
        denied: dict[str, tuple[str, Denial]] = {}
        for path in paths:
            if (denial := self._path_rule(path)) and not (node in self._index.asked and path in _MAY_BE_ASKED):
                denied[denial.rule] = min(denied.get(denial.rule, (path, denial)), (path, denial))
        for path, denial in denied.values():
            self._found.add(node, denial, path)
        return bool(denied)

    def _check_attributes(self) -> None:
        attributes, tails = self._attributes, self._denials.tails
        for node, scope, _ in self._index.attributes:
            attr = node.attr
            if denial := attributes.get(attr):
                self._found.add(node, denial, attr)
            elif attr in tails or (attr[0] == "_" and (public_name(attr) in tails or attr == "__self__")):
                self._check_access(node, node.value, (attr,), scope)
            elif attr in FORMAT_METHODS:
                self._text_checks.check_formats(node, self._evaluator.strings(node.value, scope))

    def _check_access(
        self, node: ast.expr | ast.pattern, base: ast.expr | None, names: Iterable[str], scope: Scope
    ) -> None:
        """Check the reading of attributes by name from an object; `base` is None if nothing is known about it."""
        paths = self._evaluator.paths(base, scope) if base is not None else frozenset()
        for name in names:
            if denial := self._attributes.get(name):
                self._found.add(node, denial, name)
                continue
            members = self._evaluator.members(paths, (name,), node) if paths else paths
            if self._check_paths(node, members):
                continue
            for path in members:
                if not isinstance(node, ast.Attribute) and (denial := self._denials.text_rule(path)):
                    self._found.add(node, denial, path)
            if (not paths or UNKNOWN in paths) and (denial := self._escaped.get(public_name(name))):
                self._found.add(node, denial, name)

    def _check_subscripts(self) -> None:
        for node, scope in self._index.subscripts:
            self._check_item(node, node.value, node.slice, scope)

    def _check_item(self, node: ast.expr, base: ast.expr, key: ast.expr, scope: Scope) -> None:
        """Check the reading of an item by name, which is an attribute if the object is a namespace."""
        if isinstance(key, ast.Constant) and key.value not in self._looked_up:
            return
        if self._evaluator.paths(base, scope) or self._evaluator.is_namespace(base, scope):
            self._check_access(node, base, self._evaluator.strings(key, scope) & self._looked_up, scope)

    def _check_calls(self) -> None:
        for node, scope in self._index.calls:
            if not node.args and not node.keywords:
                continue
            lookup = self._evaluator.lookup(node, scope) if node.args else None
            if lookup is None:
                self._text_checks.check_call(node, scope)
            elif lookup.is_item:
                self._check_item(node, lookup.base, lookup.key, scope)
            else:
                names = self._evaluator.strings(lookup.key, scope)
                self._check_access(node, lookup.base, names & self._looked_up, scope)
                if names & FORMAT_METHODS:
                    self._text_checks.check_formats(node, self._evaluator.strings(lookup.base, scope))

    def _check_keywords(self) -> None:
        for node, _ in self._index.calls:
            for keyword in node.keywords:
                passed: list[tuple[object, ast.expr]] = [(keyword.arg, keyword.value)]
                if keyword.arg is None and isinstance(keyword.value, ast.Dict):
                    pairs = zip(keyword.value.keys, keyword.value.values, strict=True)
                    passed = [(key.value, value) for key, value in pairs if isinstance(key, ast.Constant)]
                for name, value in passed:
                    is_off = isinstance(value, ast.Constant) and not value.value
                    if not is_off and isinstance(name, str) and (denial := self._denials.keywords.get(name)):
                        self._found.add(node, denial, name)


# The module in `from module import name` keeps so many components that the rules look at the path as a whole.
_MAX_MODULE_COMPONENTS = 11
