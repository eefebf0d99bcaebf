"""The policy: says what a script may not do, with line and column, before anything of it runs.

It is not the boundary. The jail is, and holds with the policy off. The policy exists because a clear refusal helps: an
honest author learns at once what cannot work and what to use instead, and an agent mends its script in one turn. For
that it has to see what people really write, and must not be wrong about honest scripts. It also sees through the
evasions that need no effort, so that nobody takes a thin disguise for a solution. That is enough: a script that gets
round the policy reaches the jail, and nothing else.

What is tried against evasion:

- It follows names through imports, aliases, containers, attributes and namespaces.
- It folds texts that a script puts together by operators, methods, f-strings, `join`, comprehensions over what is
  known, and functions such as `chr`, `map` or `base64.b64decode`.
- It refuses functions that run, evaluate or import what a text says: eval, timeit and profilers with text, evaluated
  annotations, format strings, pandas' expressions, mock.patch, logging.config.
- If a script hands on a function such as `getattr`, or a namespace, it refuses every text that names something denied.

What it cannot decide by reading, it lets pass:

- names that a script computes by a codec, nested loops or a function of its own;
- what a script finds by searching (`dir`, `inspect.getmembers`), or takes from a module that it gave to a function;
- text that reaches a function such as timeit's through an argument;
- libraries that turn data into objects or code (pickle, doctest, `functools.singledispatch` with annotations that are
  text, an entry point's `load`);
- builtins that a script rebinds and unbinds through `globals()`.

A check is bounded: about half a second and 250 MB for the longest script, in proportion for shorter ones, and an answer
of less than 256 KB. A script that takes more is refused as too convoluted.
"""

from policy.checker import Policy, load_policy
from policy.report import Report, Violation
from policy.rules import PolicyFileError

__all__ = ["Policy", "PolicyFileError", "Report", "Violation", "load_policy"]
