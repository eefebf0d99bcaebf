"""The two kinds of values that an expression may have: paths and constants."""

import ast
from collections.abc import Iterable
from typing import Any, Final, Generic, NamedTuple, TypeAlias, TypeVar

from policy.constants import Constant
from policy.scope import Scope

# The qualified name of an object: os.system.
Path: TypeAlias = str

NOTHING: Final[frozenset[Any]] = frozenset()
# Among the paths of something known: that it may be something unknown too.
UNKNOWN: Final = "?"
# The script's own namespace, which `globals()` gives; also the name under which the module runs.
SCRIPT: Final = "script"
# An expression that may have more values counts as unknown: it is a lookup by very many names.
_MAX_PATHS = 64
_MAX_CONSTANTS = 32

V = TypeVar("V", bound=Path | Constant)

_SYNTAX_OF_BOTH: Final = frozenset(
    {
        ast.Name, ast.Call, ast.Subscript, ast.IfExp, ast.BoolOp, ast.NamedExpr, ast.Starred, ast.Await, ast.List,
        ast.Tuple, ast.Set, ast.Dict,
    }
)  # fmt: skip
_SYNTAX_OF_PATHS: Final = _SYNTAX_OF_BOTH | {ast.Attribute}
_SYNTAX_OF_CONSTANTS: Final = _SYNTAX_OF_BOTH | {
    *(ast.Constant, ast.BinOp, ast.UnaryOp, ast.JoinedStr, ast.FormattedValue),
    *(ast.ListComp, ast.GeneratorExp, ast.SetComp),
}


class Kind(Generic[V]):
    """One kind of values, and what the evaluator has found of it in one script.

    Attributes:
        syntax: the expressions that may have such a value.
        most: an expression that may have more of these values counts as unknown, unless it is a name.
        most_bindings: a name that is bound more often counts as unknown; None for no limit.
        unknown: what says, among values that are known, that there may be another; nothing if nobody asks for that.
        of_nodes: what expressions may be. Without it, a call in a call would be evaluated twice at each level.
        of_names: what a name that a scope owns may be; the set is there while it still grows.
    """

    __slots__ = ("most", "most_bindings", "of_names", "of_nodes", "syntax", "unknown")

    def __init__(
        self, syntax: Iterable[type[ast.expr]], most: int, most_bindings: int | None, unknown: frozenset[V]
    ) -> None:
        """Begin with nothing found."""
        self.syntax = frozenset(syntax)
        self.most = most
        self.most_bindings = most_bindings
        self.unknown = unknown
        self.of_nodes: dict[ast.expr, frozenset[V]] = {}
        self.of_names: dict[tuple[Scope, str], set[V]] = {}


def new_paths() -> Kind[Path]:
    """Return the kind of the objects that an expression may be, by their paths."""
    return Kind(_SYNTAX_OF_PATHS, _MAX_PATHS, None, frozenset({UNKNOWN}))


def new_constants() -> Kind[Constant]:
    """Return the kind of the texts, bytes, numbers and tuples of these that an expression may be."""
    return Kind(_SYNTAX_OF_CONSTANTS, _MAX_CONSTANTS, _MAX_CONSTANTS, NOTHING)


def parts_of(node: ast.expr) -> list[ast.expr]:
    """Return the expressions whose value an expression may have, or contain."""
    match node:
        case ast.IfExp():
            return [node.body, node.orelse]
        case ast.BoolOp() | ast.Dict():
            return node.values
        case ast.NamedExpr() | ast.Starred() | ast.Await():
            return [node.value]
        case ast.List() | ast.Tuple() | ast.Set():
            return node.elts
        case _:
            return []


class Lookup(NamedTuple):
    """A call that looks `key` up in `base`: among its items, or among its attributes."""

    base: ast.expr
    key: ast.expr
    is_item: bool
