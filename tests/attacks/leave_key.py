# expects: refused
# category: neighbours
# control: any
"""Put a key into the keyring of this process (add_key, KEY_SPEC_PROCESS_KEYRING)."""

import ctypes


def main(**_):
    libc = ctypes.CDLL(None, use_errno=True)
    return "reached" if libc.syscall(248, b"user", b"attack", b"x", 1, -2) >= 0 else "refused"
