"""Every class of syntax tree nodes has been reviewed: a Python with new syntax fails here before it is trusted."""

import ast

from policy.syntax import CHILD_FIELDS
from policy.visits import HANDLERS, NOTES

# The walk never meets these, or the handlers of their parents read what is in them.
PASSED: dict[str, str] = {
    "Interactive Expression FunctionType": "roots of other modes than exec",
    "TypeIgnore": "type comments are not parsed",
    "Load Store Del": "contexts, read from the name",
    "And Or": "operators",
    "Add Sub Mult MatMult Div Mod Pow LShift RShift BitOr BitXor BitAnd FloorDiv": "operators",
    "Invert Not UAdd USub": "operators",
    "Eq NotEq Lt LtE Gt GtE Is IsNot In NotIn": "operators",
    "comprehension": "read with the comprehension it belongs to",
    "arguments arg": "read with their function",
    "alias": "read with its import",
}
# Abstract classes, and classes that Python keeps for old code. The parser makes none of them.
ABSTRACT = (
    "mod stmt expr expr_context boolop operator unaryop cmpop excepthandler pattern type_ignore slice Num Str Bytes "
    "NameConstant Ellipsis ExtSlice Index Suite AugLoad AugStore Param"
)
# Fields without nodes in them, or with operators only.
PLAIN_FIELDS = {
    *("ctx", "op", "ops", "type_ignores", "kind", "conversion", "arg", "type_comment", "name", "rest", "kwd_attrs")
}
NOT_NODES = {(ast.Constant, "value"), (ast.MatchSingleton, "value")}


def _node_classes() -> set[type[ast.AST]]:
    return {value for value in vars(ast).values() if isinstance(value, type) and issubclass(value, ast.AST)} - {ast.AST}


def test_every_node_class_is_checked_or_deliberately_passed() -> None:
    passed = {name for names in PASSED for name in names.split()} | set(ABSTRACT.split())
    checked = {kind.__name__ for kind in (*HANDLERS, *CHILD_FIELDS)}

    assert {kind.__name__ for kind in _node_classes()} == passed | checked
    assert not passed & checked
    assert not HANDLERS.keys() & CHILD_FIELDS.keys()
    assert NOTES.keys() <= CHILD_FIELDS.keys()


def test_every_field_that_holds_nodes_is_visited() -> None:
    for kind, fields in CHILD_FIELDS.items():
        holding = {field for field in kind._fields if field not in PLAIN_FIELDS and (kind, field) not in NOT_NODES}
        assert set(fields) == holding, kind
