# expects: refused
# category: neighbours
# control: reached
# case memory (neighbours): {"get": [29, 0, 4096, 896], "remove": [31, 0]}
# case semaphore (neighbours): {"get": [64, 0, 1, 896], "remove": [66, 0, 0]}
# case messages (neighbours): {"get": [68, 0, 896], "remove": [71, 0]}
"""Leave something of System V for those to come; what was made is removed (IPC_RMID)."""

import ctypes


def main(get, remove, **_):
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.syscall(*get)
    if made < 0:
        return "refused"
    call, *rest = remove
    libc.syscall(call, made, *rest)
    return "reached"
