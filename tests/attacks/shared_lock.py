# expects: refused
# category: neighbours
# control: reached
# limitation at namespaces, seccomp, process: by locks on the files that all of them read
# case whole_file (neighbours): {"command": "flock"}
# case of_process (neighbours): {"command": "setlk"}
# case of_open_file (neighbours): {"command": "ofd_setlk"}
"""Lock a library that every script reads, as a sign to others."""

import fcntl
import os
import struct


def main(command, **_):
    fd = os.open(os.__file__, os.O_RDONLY)
    lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 1, 0)
    try:
        if command == "flock":
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            fcntl.fcntl(fd, 6 if command == "setlk" else 37, lock)
    except OSError:
        return "refused"
    return "reached"
