"""Acts in a child process that gives up rights first."""

import os
from collections.abc import Callable

REACHED, REFUSED, NOT_SET_UP = 0, 1, 2


def attempt_in_child(act: Callable[[], object], restrict: Callable[[], object] | None) -> int:
    """Restrict a child, if so, and act in it; return whether the act was reached or refused."""
    if child := os.fork():
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = NOT_SET_UP
    try:
        if restrict:
            restrict()
        try:
            act()
            status = REACHED
        except PermissionError:
            status = REFUSED
    finally:
        os._exit(status)
