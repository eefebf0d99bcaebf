"""The limit on open files, see getrlimit(2): every connection takes one, and every script several."""

import os
import resource

from sandbox import most_open_files
from service.settings import Settings, SettingsError

# The highest that the largest settings can need; beyond it some limits have no end.
_MOST = 2**16
# What Python, gunicorn and the libraries hold, and two for each checker.
_OWN = 64 + 2 * len(os.sched_getaffinity(0))
_FEWEST_CONNECTIONS = 64
_MOST_CONNECTIONS = 4096


def divide_open_files(settings: Settings) -> int:
    """Raise this process's limit as far as it may be, and return how many connections it leaves beside the scripts.

    A shell's usual limit of 1024 is one that every process may raise by itself.

    Raises:
        SettingsError: the limit is too low for so many scripts.
    """
    for_scripts = most_open_files(settings.concurrency, settings.warm_start)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limit = max(soft, _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST))
    connections = limit - _OWN - for_scripts
    if connections < _FEWEST_CONNECTIONS:
        raise SettingsError(
            f"SANDBOX_CONCURRENCY, SANDBOX_SPARES: so many scripts take {for_scripts + _OWN + _FEWEST_CONNECTIONS} "
            f"open files, and this process may have {limit}; lower them, or raise that limit (ulimit -n, docker run "
            "--ulimit nofile=…)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
    return min(connections, _MOST_CONNECTIONS)
