"""The first, friendliest line: says what a script may not do, with line and column, before anything runs.

It is not the boundary (the jail is): what it cannot decide by reading, it lets pass. That is names which the script
computes by a loop, a codec, arithmetic or a function of its own; what it finds by searching (`dir`,
`inspect.getmembers`) or gets out of a module that a function was given; libraries that turn text into objects (pickle,
timeit, typing); and builtins that it rebinds and unbinds through `globals()`.
"""

from policy.checker import Policy, load_policy
from policy.report import Report, Violation
from policy.rules import PolicyFileError

__all__ = ["Policy", "PolicyFileError", "Report", "Violation", "load_policy"]
