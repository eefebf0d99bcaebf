# expects: refused
# category: neighbours
# control: reached
# case of_process (neighbours): {"command": 6}
# case of_process_waited_for (neighbours): {"command": 7}
# case of_open_file (neighbours): {"command": 37}
# case of_open_file_waited_for (neighbours): {"command": 38}
"""Lock a part of a library that every script reads, as a sign to others, by locks that nothing counts."""

import fcntl
import os
import struct

NO_FILE = 10_000


def main(command, **_):
    fd = os.open(os.__file__, os.O_RDONLY)
    lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 1, 0)
    try:
        fcntl.fcntl(fd, command, lock)
    except OSError:
        return "refused"
    try:
        fcntl.fcntl(NO_FILE, command, lock)
    except OSError:
        return "reached"
    return "refused"  # who locks a file that is not there locks nothing
