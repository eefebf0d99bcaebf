# expects: refused
# category: descriptors
# control: any
# case own_result (descriptors): {"path": "/proc/self/fd/3"}
# case job (descriptors): {"path": "/proc/self/fd/4"}
# case ready (descriptors): {"path": "/proc/self/fd/5"}
# case own_output (descriptors): {"path": "/proc/self/fd/1"}
# case of_thread (descriptors): {"path": "/proc/thread-self/fd/3"}
# case by_device (descriptors): {"path": "/dev/fd/3"}
# case output_device (descriptors): {"path": "/dev/stdout"}
# case of_parent (descriptors): {"path": "/proc/PARENT/fd/3"}
# case log_of_parent (descriptors): {"path": "/proc/PARENT/fd/2"}
# case map_of_parent (descriptors): {"path": "/proc/PARENT/map_files"}
"""Open a descriptor anew, this process's or its parent's, for reading."""

import os


def main(path, **_):
    path = path.replace("PARENT", str(os.getppid() or 1))
    try:
        os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return "refused"
    return "reached"
