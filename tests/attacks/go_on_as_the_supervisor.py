# expects: refused or timeout or script_exited
# category: results
# control: any
"""Find the supervisor in the frames around the script, and have it make, watch and reap spares."""

import sys

ORDER = {"uid_index": 1, "address_space_bytes": 2**40, "tasks": 1000}


def main(**_):
    frame, found = sys._getframe(), []
    while (frame := frame.f_back) is not None:
        found += [*frame.f_locals.values(), *frame.f_globals.values()]
    for value in found:
        for name, arguments in (
            ("_make", [ORDER]),
            ("fork", []),
            ("detach", []),
            ("_look_at_scratch", [None]),
            ("_reap", []),
        ):
            method = getattr(value, name, None)
            if not callable(method) or isinstance(value, type):
                continue
            try:
                method(*arguments)
            except BaseException:
                continue
            if name in ("_make", "fork"):
                return "reached"
    return "refused"
