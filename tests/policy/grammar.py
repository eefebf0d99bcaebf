"""Random scripts from Python's own grammar, read from the docstrings of the classes in `ast`."""

import ast
import random
import re
from collections.abc import Iterator, Sequence
from typing import Any

# The type, the quantifier (`*`, `?` or nothing) and the name of each field of a node class.
_Fields = list[tuple[str, str, str]]
_CONSTRUCTOR = re.compile(r"(\w+)(?:\((.*)\))?$", re.DOTALL)
_FIELD = re.compile(r"(\w+)([*?]?) (\w+)")
_TARGETS = (ast.Name, ast.Attribute, ast.Subscript, ast.Tuple, ast.List)
_TARGET_FIELDS = {"target", "targets", "optional_vars"}
# The fields in which these nodes can stand, which are an `expr` to the grammar.
_PLACES: dict[type[ast.AST], tuple[str, ...]] = {
    ast.Slice: ("slice",),
    ast.Starred: ("elts", "args"),
    ast.FormattedValue: (),
    ast.MatchStar: ("patterns",),
}
_DEEP = 7  # from here on, only the smallest nodes
_MAX_NODES = 120


def _grammar() -> tuple[dict[type[ast.AST], _Fields], dict[str, list[type[ast.AST]]]]:
    """Read the fields of every node class, and the classes of every kind of node."""
    fields: dict[type[ast.AST], _Fields] = {}
    kinds: dict[str, list[type[ast.AST]]] = {}
    for kind in vars(ast).values():
        if (
            not isinstance(kind, type)
            or not issubclass(kind, ast.AST)
            or not (kind.__doc__ or "").startswith(kind.__name__)
        ):
            continue
        found = _CONSTRUCTOR.match(" ".join((kind.__doc__ or "").split()))
        if found and found[1] == kind.__name__:
            fields[kind] = _FIELD.findall(found[2] or "")
            base = kind.__base__
            kinds.setdefault(kind.__name__ if base is ast.AST or base is None else base.__name__, []).append(kind)
    return fields, kinds


_FIELDS, _KINDS = _grammar()
NODE_CLASSES = frozenset(_FIELDS)
_LEAVES = {"expr": [ast.Name, ast.Constant], "stmt": [ast.Pass, ast.Expr], "pattern": [ast.MatchSingleton, ast.MatchAs]}


class Grammar:
    """Makes scripts of some names and texts."""

    def __init__(self, choice: random.Random, names: Sequence[str], texts: Sequence[str]) -> None:
        """Take the source of every choice, the identifiers and the texts of constants."""
        self._random = choice
        self._names = names
        self._texts = texts
        self._nodes = 0

    def script(self) -> str | None:
        """Return a script, which Python's parser may still refuse; None if even the tree makes no sense."""
        self._nodes = 0
        body = [self._node("stmt", 0) for _ in range(self._random.randrange(1, 5))]
        try:
            return ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))
        except ValueError:  # such as an f-string in which no kind of quotes is left
            return None

    def _node(self, kind: str, depth: int, field: str = "") -> Any:
        self._nodes += 1
        small = depth > _DEEP or self._nodes > _MAX_NODES
        classes: Sequence[type[ast.AST]] = _LEAVES.get(kind, _KINDS[kind]) if small else _KINDS[kind]
        if field in _TARGET_FIELDS:
            classes = _TARGETS[:1] if small else _TARGETS
        node_class = self._random.choice(classes)
        if field not in _PLACES.get(node_class, (field,)):
            node_class = ast.MatchAs if kind == "pattern" else ast.Name
        node = node_class()
        for type_name, quantifier, name in _FIELDS[node_class]:
            setattr(node, name, self._field(node_class, type_name, quantifier, name, depth + 1))
        self._mend(node, depth)
        return node

    def _field(self, owner: type[ast.AST], kind: str, quantifier: str, name: str, depth: int) -> Any:
        if quantifier == "*":
            least = 1 if name in ("body", "names", "targets", "items", "cases", "generators", "handlers") else 0
            most = 1 if depth > _DEEP else 3
            return [self._value(owner, kind, name, depth) for _ in range(self._random.randint(least, max(least, most)))]
        if quantifier == "?" and self._random.random() < 0.5:
            return None
        return self._value(owner, kind, name, depth)

    def _value(self, owner: type[ast.AST], kind: str, name: str, depth: int) -> Any:
        match kind:
            case "identifier":
                dots = owner in (ast.alias, ast.ImportFrom) and self._random.random() < 0.3
                return ".".join(self._random.choices(self._names, k=2 if dots else 1))
            case "string":
                return None
            case "int":
                return {"conversion": self._random.choice([-1, 115, 114, 97]), "is_async": 0}.get(
                    name, self._random.choice([0, 0, 1])
                )
            case "constant":
                return self._random.choice(
                    [self._random.choice(self._texts), 0, 1, -1, 2.5, True, None, ..., b"ab", "", 1j]
                )
        return self._node(kind, depth, name)

    def _mend(self, node: Any, depth: int) -> None:
        """Make the fields fit each other, which the grammar does not demand."""
        match node:
            case ast.Compare():
                node.comparators = node.comparators or [self._node("expr", depth + 1)]
                node.ops = ((node.ops or [ast.Eq()]) * len(node.comparators))[: len(node.comparators)]
            case ast.BoolOp():
                node.values += [self._node("expr", depth + 1) for _ in range(2 - len(node.values))]
            case ast.Dict():
                node.keys = [self._node("expr", depth + 1) for _ in node.values]
            case ast.JoinedStr():
                node.values = [ast.FormattedValue(self._node("expr", depth + 2), -1, None), ast.Constant("a")]
            case ast.arguments():
                self._mend_arguments(node, depth)
            case ast.Lambda():
                for part in ast.walk(node.args):
                    if isinstance(part, ast.arg):
                        part.annotation = None
            case ast.NamedExpr() | ast.AnnAssign() | ast.AugAssign():
                if isinstance(node, ast.NamedExpr) or isinstance(node.target, ast.Tuple | ast.List):
                    node.target = ast.Name(self._random.choice(self._names))
            case ast.pattern():
                self._mend_pattern(node)

    def _mend_arguments(self, node: ast.arguments, depth: int) -> None:
        node.defaults = node.defaults[: len(node.args)]
        node.kw_defaults = [self._node("expr", depth + 1) for _ in node.kwonlyargs]
        arguments = [*node.posonlyargs, *node.args, *node.kwonlyargs, *filter(None, (node.vararg, node.kwarg))]
        for number, argument in enumerate(arguments):  # no two may have the same name
            argument.arg = self._names[number % len(self._names)]

    def _mend_pattern(self, node: ast.pattern) -> None:
        if isinstance(node, ast.MatchOr | ast.MatchClass | ast.MatchMapping):  # a star is for sequences
            node.patterns = [each for each in node.patterns if not isinstance(each, ast.MatchStar)]
        match node:
            case ast.MatchMapping():
                node.keys = [ast.Constant(self._random.choice(self._texts)) for _ in node.patterns]
            case ast.MatchClass():
                node.cls = ast.Name(self._random.choice(self._names))
                node.kwd_attrs = [self._random.choice(self._names) for _ in node.kwd_patterns]
            case ast.MatchValue():
                node.value = ast.Constant(self._random.choice(self._texts))
            case ast.MatchSingleton():
                node.value = self._random.choice([None, True, False])
            case ast.MatchOr():
                node.patterns = node.patterns or [ast.MatchSingleton(None)]


def scripts(choice: random.Random, names: Sequence[str], texts: Sequence[str]) -> Iterator[str]:
    """Make scripts endlessly."""
    grammar = Grammar(choice, names, texts)
    while True:
        if script := grammar.script():
            yield script
