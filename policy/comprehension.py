"""Folding of comprehensions: what they make of known constants, one by one."""

import ast
from collections.abc import Callable
from functools import partial
from typing import Any

from policy.budget import Budget
from policy.constants import METHODS, Constant, fold_calls, fold_method, fold_operation, only, operands, sequence, size

Comprehension = ast.ListComp | ast.GeneratorExp | ast.SetComp


class Element:
    """The element of a comprehension, such as `chr(c)` in `chr(c) for c in codes`."""

    def __init__(
        self,
        node: Comprehension,
        budget: Budget,
        paths: Callable[[ast.expr], frozenset[str]],
        constants: Callable[[ast.expr], frozenset[Constant]],
    ) -> None:
        """Get ready; `paths` and `constants` evaluate what does not depend on the loop."""
        self._node = node.elt
        self._budget = budget
        self._paths = paths
        self._constants = constants
        self._name: str | None = None
        match node.generators:
            case [ast.comprehension(target=ast.Name(id=name), is_async=0)]:
                self._name = name  # a condition may leave nothing out

    def for_each(self, values: Constant) -> Constant | None:
        """Return the elements for the parts of a text or a tuple; None if one is unknown, or there is another loop."""
        if isinstance(values, int) or self._name is None:
            return None
        self._budget.spend(size(values), self._node)
        return sequence([self._fold(self._node, value) for value in values])

    def _fold(self, node: ast.expr, value: Constant) -> Constant | None:
        """Return the one constant that an expression is if the loop's name has a value; None if it is not known."""
        parts = operands(node)
        fold: Callable[[list[Any]], Constant | None] = partial(fold_operation, node)
        match node:
            case ast.Name() if node.id == self._name:
                return value
            case ast.Call(func=ast.Attribute(value=base, attr=attr), args=arguments, keywords=[]) if attr in METHODS:
                parts = [base, *arguments]
                fold = partial(fold_method, attr)
            case ast.Call(func=func, args=parts, keywords=[]):
                fold = partial(fold_calls, self._paths(func))
        if parts is None:
            return only(self._constants(node))
        self._budget.enter(node)
        folded = [self._fold(part, value) for part in parts]
        self._budget.leave()
        return None if None in folded else fold(folded)
