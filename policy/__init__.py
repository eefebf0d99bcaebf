"""The first, friendliest line: says what a script may not do, with line and column, before anything runs.

It is not the boundary (the jail is): what it cannot decide by reading, it lets pass.
"""

from policy.checker import Policy, load_policy
from policy.report import Report, Violation
from policy.rules import PolicyFileError

__all__ = ["Policy", "PolicyFileError", "Report", "Violation", "load_policy"]
