# expects: refused
# category: files
# control: any
# case password_file (files): {"path": "/etc/passwd"}
# case root (files): {"path": "/attack"}
# case library (files): {"path": "/usr/lib/attack"}
# case program (files): {"path": "/usr/bin/attack"}
# case loader (files): {"path": "/lib64/attack"}
# case device (files): {"path": "/dev/attack"}
# case home (files): {"path": "/root/attack"}
# case service (files): {"path": "/opt/attack"}
# case preload (files): {"path": "/etc/ld.so.preload"}
# case core_pattern (files): {"path": "/proc/sys/kernel/core_pattern"}
# case own_uid_map (files): {"path": "/proc/self/uid_map"}
# case oom_score (files): {"path": "/proc/self/oom_score_adj"}
# case seccomp_off (files): {"path": "/proc/self/attr/current"}
# case sysrq (files): {"path": "/proc/sysrq-trigger"}
# case release_agent (files): {"path": "/sys/fs/cgroup/release_agent"}
# case hugepages (files): {"path": "/sys/kernel/mm/transparent_hugepage/enabled"}
# case up_and_out (files): {"path": "../attack"}
# case spool (files): {"path": "/var/spool/cron/crontabs/root"}
"""Open for writing what is no business of a script; nothing is written."""

import os


def main(path, **_):
    there = os.path.exists(path)
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | (0 if there else os.O_CREAT)))
    except OSError:
        return "refused"
    if not there:
        os.unlink(path)
    return "reached"
