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
        self._operations = 1
        self._fold: Callable[[Constant], Constant | None] | None = None
        self._name = ""
        match node.generators:
            case [ast.comprehension(target=ast.Name(id=name), is_async=0)]:
                self._name = name  # a condition may leave nothing out

    def for_each(self, values: Constant) -> Constant | None:
        """Return the elements for the parts of a text or a tuple; None if one is unknown, or there is another loop."""
        if isinstance(values, int) or not self._name:
            return None
        if self._fold is None:
            self._fold = self._folding(self._node)
        self._budget.spend(size(values) * self._operations, self._node)
        return sequence(map(self._fold, values))

    def _folding(self, node: ast.expr) -> Callable[[Constant], Constant | None]:
        """Return a function that folds an expression with the value of the loop's name."""
        parts = operands(node)
        fold: Callable[[list[Any]], Constant | None] = partial(fold_operation, node)
        match node:
            case ast.Name() if node.id == self._name:
                return lambda value: value
            case ast.Call(func=ast.Attribute(value=base, attr=attr), args=arguments, keywords=[]) if attr in METHODS:
                parts = [base, *arguments]
                fold = partial(fold_method, attr)
            case ast.Call(func=func, args=parts, keywords=[]):
                fold = partial(fold_calls, self._paths(func))
        if parts is None:
            constant = only(self._constants(node))
            return lambda _: constant
        self._operations += 1
        self._budget.enter(node)
        foldings = [self._folding(part) for part in parts]
        self._budget.leave()
        return partial(_fold_all, fold, foldings)


def _fold_all(
    fold: Callable[[list[Any]], Constant | None], foldings: list[Callable[[Constant], Constant | None]], value: Constant
) -> Constant | None:
    values = [folding(value) for folding in foldings]
    return None if None in values else fold(values)
