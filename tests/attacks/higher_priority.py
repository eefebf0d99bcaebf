# expects: refused
# category: resources
# control: any
# case nice (resources): {"act": "nice"}
# case real_time (resources): {"act": "real_time"}
# case batch (resources): {"act": "batch"}
# case open_files (resources): {"act": "open_files"}
# case stack (resources): {"act": "stack"}
# case processes (resources): {"act": "processes"}
# case processor_time (resources): {"act": "processor_time"}
# case file_size (resources): {"act": "file_size"}
# case locked_memory (resources): {"act": "locked_memory"}
# case core (resources): {"act": "core"}
"""Get more than the others: a better priority, or a higher limit."""

import os
import resource


def raised(which):
    soft, hard = resource.getrlimit(which)
    if hard == resource.RLIM_INFINITY:
        raise ValueError("there is no higher one")
    resource.setrlimit(which, (soft, hard + 1))


ACTS = {
    "nice": lambda: os.nice(-1),
    "real_time": lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
    "batch": lambda: os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)),
    "open_files": lambda: raised(resource.RLIMIT_NOFILE),
    "stack": lambda: raised(resource.RLIMIT_STACK),
    "processes": lambda: raised(resource.RLIMIT_NPROC),
    "processor_time": lambda: raised(resource.RLIMIT_CPU),
    "file_size": lambda: raised(resource.RLIMIT_FSIZE),
    "locked_memory": lambda: raised(resource.RLIMIT_MEMLOCK),
    "core": lambda: raised(resource.RLIMIT_CORE),
}


def main(act, **_):
    try:
        ACTS[act]()
    except (OSError, ValueError):
        return "refused"
    return "reached"
