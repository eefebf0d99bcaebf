# expects: refused
# category: neighbours
# control: reached
# case signal (neighbours): {"act": "signal"}
# case signal_to_thread (neighbours): {"act": "signal_to_thread"}
# case queued_signal (neighbours): {"act": "queued_signal"}
# case processor_time (neighbours): {"act": "processor_time"}
# case clock (neighbours): {"act": "clock"}
# case wait_by_its_clock (neighbours): {"act": "wait_by_its_clock"}
# case processors (neighbours): {"act": "processors"}
# case limits (neighbours): {"act": "limits"}
# case priority (neighbours): {"act": "priority"}
# case scheduler (neighbours): {"act": "scheduler"}
# case session (neighbours): {"act": "session"}
# case group (neighbours): {"act": "group"}
# case hold (neighbours): {"act": "hold"}
"""Learn something of the processes whose ids are next to one's own, the parent's too; none is changed."""

import ctypes
import os
import resource
import struct

libc = ctypes.CDLL(None, use_errno=True)


def call(*arguments):
    if libc.syscall(*arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


def clock(pid, kind):
    return ctypes.c_long((~pid << 3) | kind)


ACTS = {
    "signal": lambda pid: os.kill(pid, 0),
    "signal_to_thread": lambda pid: call(234, pid, pid, 0),
    "queued_signal": lambda pid: call(129, pid, 0, struct.pack("iii116x", 0, 0, -1)),
    "processor_time": lambda pid: call(228, clock(pid, 2), ctypes.create_string_buffer(16)),
    "clock": lambda pid: call(229, clock(pid, 2), ctypes.create_string_buffer(16)),
    "wait_by_its_clock": lambda pid: call(230, clock(pid, 2), 0, ctypes.create_string_buffer(16), 0),
    "processors": os.sched_getaffinity,
    "limits": lambda pid: resource.prlimit(pid, resource.RLIMIT_NOFILE),
    "priority": lambda pid: os.getpriority(os.PRIO_PROCESS, pid),
    "scheduler": os.sched_getscheduler,
    "session": os.getsid,
    "group": os.getpgid,
    "hold": os.pidfd_open,
}


def main(act, **_):
    own = os.getpid()
    for pid in (set(range(max(own - 100, 1), own + 100)) | {os.getppid() or 1}) - {own}:
        try:
            ACTS[act](pid)
        except OSError:
            continue
        return "reached"
    return "refused"
