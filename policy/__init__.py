"""The first, friendliest line: says what a script may not do, with line and column, before anything runs.

It is not the boundary (the jail is). It follows names through imports, aliases, containers, attributes and namespaces,
and folds texts that are put together by operators, methods, f-strings, `join`, comprehensions over what is known, and
functions such as `chr`, `map` or `base64.b64decode`. It refuses functions that run, evaluate or import what a text
says: eval, timeit and profilers with text, evaluated annotations, format strings, pandas' expressions, mock.patch,
logging.config.

What it cannot decide by reading, it lets pass. That is names which the script computes by a codec, nested loops or a
function of its own; what it finds by searching (`dir`, `inspect.getmembers`) or gets out of a module that a function
was given; text that reaches a function such as timeit's by an argument; libraries that turn data into objects or code
(pickle, doctest, `functools.singledispatch` with annotations that are text, an entry point's `load`); and builtins
that it rebinds and unbinds through `globals()`.

A check is bounded: about half a second and 250 MB for the longest script, in proportion for shorter ones, and an answer
of less than 256 KB. A script that takes more to be decided is refused as too convoluted.
"""

from policy.checker import Policy, load_policy
from policy.report import Report, Violation
from policy.rules import PolicyFileError

__all__ = ["Policy", "PolicyFileError", "Report", "Violation", "load_policy"]
