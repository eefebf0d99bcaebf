"""Checks of the texts that a script gives to what acts on them: format strings, dotted names, expressions, code."""

import ast
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from policy import readers
from policy.constants import METHODS
from policy.denials import Denial, Denials, public_name
from policy.evaluator import Evaluator
from policy.findings import Findings
from policy.format_strings import replacement_fields
from policy.scope import Scope
from policy.script_index import ScriptIndex
from policy.values import parts_of

_DOTTED_NAME = re.compile(r"[^\W\d]\w*(?:\s*\.\s*[^\W\d]\w*)+")
_MAX_PARTS = 32  # an expression with more of them is taken for a text
# Called as attributes (`operator.attrgetter(…)`), these are worth evaluating; other methods are not.
_CALLED_ATTRIBUTES = readers.last_components(readers.FORMAT_FUNCTIONS | readers.GETTER_MAKERS | readers.PATCHERS)


class TextChecks:
    """The checks of texts in one script."""

    def __init__(
        self,
        denials: Denials,
        index: ScriptIndex,
        evaluator: Evaluator,
        found: Findings,
        attributes: Mapping[str, Denial],
        escaped: Mapping[str, Denial],
    ) -> None:
        """Get ready; `attributes` are denied on every object, `escaped` on every object that is unknown."""
        self._denials = denials
        self._index = index
        self._evaluator = evaluator
        self._found = found
        self._attributes = attributes
        self._escaped = escaped
        self._known_texts: dict[tuple[str, str], tuple[Denial, str] | None] = {}

    def check_formats(self, node: ast.expr, format_strings: Iterable[str]) -> None:
        """Check what format strings read, if a node formats them."""
        for format_string in format_strings:
            self._report_known(node, self._in_format_string, format_string)

    def check_call(self, node: ast.Call, scope: Scope) -> None:
        """Check the texts that a function is called with, if it acts on them."""
        func = node.func
        if isinstance(func, ast.Attribute):
            if func.attr in readers.EXPRESSION_METHODS:
                self._check_first(node, scope, self._in_expression)
            elif func.attr in readers.FIELD_METHODS:
                self._check_first(node, scope, self._in_field)
            elif func.attr in readers.FORMATTER_METHODS and not self._evaluator.strings(func.value, scope):
                self._check_first(node, scope, self._in_format_string)
            if func.attr not in _CALLED_ATTRIBUTES:
                return
        paths = self._evaluator.paths(func, scope)
        if paths & readers.FORMAT_FUNCTIONS:
            self._check_first(node, scope, self._in_format_string)
        if paths & readers.GETTER_MAKERS:
            for argument in node.args:
                for dotted in self._evaluator.strings(argument, scope):
                    self._report_known(node, self._in_dotted_name, dotted)
        if paths & readers.PATCHERS:
            self._check_patch(node, scope, each_keyword=readers.PATCH_MULTIPLE in paths)

    def _check_first(self, node: ast.Call, scope: Scope, find: Callable[[str], tuple[Denial, str] | None]) -> None:
        for text in self._evaluator.strings(node.args[0], scope) if node.args else ():
            self._report_known(node, find, text)

    def _check_patch(self, node: ast.Call, scope: Scope, *, each_keyword: bool) -> None:
        arguments = [
            *node.args[:1],
            *(keyword.value for keyword in node.keywords if keyword.arg in readers.PATCH_KEYWORDS),
        ]
        replaced = [keyword.arg for keyword in node.keywords if keyword.arg] if each_keyword else []
        for argument in arguments:
            for target in self._evaluator.strings(argument, scope):
                for path in (target, *(f"{target}.{name}" for name in replaced)):
                    self._report_known(node, self._in_target, path)

    def _report_known(self, node: ast.expr, find: Callable[[str], tuple[Denial, str] | None], text: str) -> None:
        """Report what a text asks for; each text is searched once, however often the script uses it."""
        key = (find.__name__, text)
        if key not in self._known_texts:
            self._known_texts[key] = find(text)
        if denied := self._known_texts[key]:
            self._found.add(node, *denied)

    def _in_dotted_name(self, dotted: str) -> tuple[Denial, str] | None:
        """Return what `attrgetter("a.b")` would read that is denied."""
        if denial := self._denials.path_rule(dotted) if "." in dotted else None:
            return denial, dotted
        for name in dotted.split("."):
            if denial := self._attributes.get(name) or self._escaped.get(public_name(name)):
                return denial, name
        return None

    def _in_target(self, target: str) -> tuple[Denial, str] | None:
        """Return what `unittest.mock.patch("a.b")` would import that is denied."""
        module, _, name = target.rpartition(".")
        # Tests replace builtin functions: `patch("builtins.input")`.
        if module == "builtins":
            return (denial, target) if name in self._denials.builtins and (denial := self._rule(target)) else None
        return (denial, target) if (denial := self._rule(target)) else None

    def _rule(self, path: str) -> Denial | None:
        return self._denials.path_rule(path) or self._attributes.get(path.rpartition(".")[2])

    def _in_expression(self, text: str) -> tuple[Denial, str] | None:
        """Return what an expression that pandas evaluates would read that is denied."""
        for found in _DOTTED_NAME.finditer(text):
            if denied := self._in_dotted_name("".join(found[0].split())):
                return denied
        return None

    def _in_field(self, field: str) -> tuple[Denial, str] | None:
        return self._in_format_string(f"{{{field}}}")

    def _in_format_string(self, format_string: str) -> tuple[Denial, str] | None:
        """Return what `"{0.a.b}".format(x)` would read that is denied."""
        for names in replacement_fields(format_string):
            possible = [self._attributes.get(name) for name in names]
            for denial in [*possible, self._denials.formats.get(names[-1])]:
                if denial:
                    return denial, f"{{.{'.'.join(names)}}}"
        return None

    def check_text_functions(self) -> None:
        """Check functions that run the text that they are given: they may only be called, and not with a text."""
        tails = self._denials.text_tails
        calls = {call.func: (call, scope) for call, scope in self._index.calls}
        aliases = tails | {
            alias.asname or alias.name
            for statement, _ in self._index.from_imports
            for alias in statement.names
            if alias.name in tails
        }
        nodes: list[tuple[ast.expr, Scope]] = [(node, s) for node, s, _ in self._index.names if node.id in aliases]
        nodes += [(node, scope) for node, scope, _ in self._index.attributes if node.attr in tails]
        for node, scope in nodes:
            for path in self._evaluator.paths(node, scope):
                if (denial := self._denials.text_rule(path)) and self._may_get_text(calls.get(node)):
                    self._found.add(node, denial, path)

    def _may_get_text(self, called: tuple[ast.Call, Scope] | None) -> bool:
        """Return whether a function is handed on, or is called with something that may be a text."""
        if called is None:
            return True
        call, scope = called
        return any(isinstance(each, ast.Starred) or self._is_text(each, scope) for each in call.args) or any(
            keyword.arg is None or self._is_text(keyword.value, scope) for keyword in call.keywords
        )

    def _is_text(self, node: ast.expr, scope: Scope) -> bool:
        """Return whether an expression is a text, known or not: an f-string, `"a".join(x)`, `"a" + x`."""
        rest, seen = [(node, scope)], 0
        while rest and seen < _MAX_PARTS:
            node, scope = rest.pop()
            seen += 1
            match node:
                case ast.JoinedStr():
                    return True
                case ast.BinOp(left=left, right=right):
                    rest += [(left, scope), (right, scope)]
                case ast.Call(func=ast.Attribute(value=value, attr=attr)) if attr in METHODS:
                    rest.append((value, scope))
                case ast.Call() if "builtins.str" in self._evaluator.paths(node.func, scope):
                    return True
                case ast.Name() if owner := scope.owner(node.id):
                    rest += [value for value in owner.bindings[node.id] if isinstance(value, tuple)]
            if self._evaluator.strings(node, scope):
                return True
            rest += [(part, scope) for part in parts_of(node)]
        return bool(rest)

    def check_member_names(self, names: Mapping[str, Denial]) -> None:
        """Check every text that can be a member's name, because the script hands on what reads members by name."""
        places = self._found.places()
        for node, part, scope in self._parts():
            found = self._evaluator.strings(part, scope)
            self._evaluator.spend(len(found), node)
            for name in found:
                denial = names.get(public_name(name))
                if denial and (node.lineno, node.col_offset, denial.rule) not in places:
                    self._found.add(node, denial, name)

    def _parts(self) -> Iterator[tuple[ast.expr | ast.pattern, ast.expr, Scope]]:
        """Return the expressions that something may take for a member's name, with the nodes that they stand in."""
        for node, scope in self._index.calls:
            if "builtins.hasattr" not in self._evaluator.paths(node.func, scope):  # which reads nothing
                yield from ((node, part, scope) for part in node.args)
                yield from ((node, keyword.value, scope) for keyword in node.keywords)
        yield from ((node, node.slice, scope) for node, scope in self._index.subscripts)
        yield from ((node, key, scope) for node, scope in self._index.mapping_patterns for key in node.keys)
