"""The bounds of evaluation: how deep it goes, and how many possibilities it looks at for one script."""

import ast

from policy.parse import SourceError

_MAX_DEPTH = 60
# Far more than an honest script needs (the standard library's own files stay below a tenth of it), and about half a
# second for the longest script. It grows with the script, so that a short one is always answered at once.
_LEAST_STEPS = 10_000
_STEPS_PER_CHARACTER = 0.5


def too_convoluted(node: ast.AST) -> SourceError:
    """Return the error for what takes too long to evaluate; a script could hide behind it if it counted as unknown."""
    return SourceError("Script is too convoluted to be checked here.", getattr(node, "lineno", None))


class Budget:
    """What the evaluation of one script may still cost, and how deep it is at the moment."""

    __slots__ = ("_depth", "_left")

    def __init__(self, size: int) -> None:
        """Begin at the surface; `size` is the script's, in characters."""
        self._depth = 0
        self._left = _LEAST_STEPS + int(_STEPS_PER_CHARACTER * size)

    def enter(self, node: ast.AST) -> None:
        """Go one level down.

        Raises:
            SourceError: the evaluation is too deep.
        """
        if self._depth > _MAX_DEPTH:
            raise too_convoluted(node)
        self._depth += 1

    def leave(self) -> None:
        """Come up again."""
        self._depth -= 1

    def spend(self, steps: int, node: ast.AST) -> None:
        """Take as many steps from the budget as possibilities were looked at.

        Raises:
            SourceError: the budget is spent.
        """
        self._left -= steps
        if self._left < 0:
            raise too_convoluted(node)
