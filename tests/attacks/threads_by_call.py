# expects: refused
# category: resources
# control: any
"""Start threads by the C library, past Python's count of them, until there are no more."""

import ctypes


def main(threads, **_):
    libc = ctypes.CDLL(None)
    attributes, thread = ctypes.create_string_buffer(64), ctypes.c_ulong()
    libc.pthread_attr_init(attributes)
    libc.pthread_attr_setstacksize(attributes, ctypes.c_size_t(2**16))
    for _ in range(threads * 8):
        if libc.pthread_create(ctypes.byref(thread), attributes, libc.pause, None):
            return "refused"
    return "reached"
