# expects: timeout
# category: resources
# control: any
# case threads (resources): {"burning": 8}
# case one (resources): {"burning": 1}
"""Use every processor, by threads that do not hold the interpreter."""

import hashlib
import threading


def burn():
    while True:
        hashlib.pbkdf2_hmac("sha256", b"x", b"x", 10**6)


def main(burning, **_):
    for _ in range(burning - 1):
        threading.Thread(target=burn, daemon=True).start()
    burn()
    return "went on"
