# expects: refused
# category: files
# control: any
"""Find something in the environment that is not meant for scripts."""

import os


def main(**_):
    meant = {"LANG", "LC_CTYPE", "OPENBLAS_NUM_THREADS", "MALLOC_ARENA_MAX", "HOME", "TMPDIR", "PWD", "PATH"}
    meant |= {"USER", "LOGNAME", "TZ", "TZDIR", "PYTHONTZPATH"}
    meant |= {"MPLBACKEND", "MPL_IGNORE_SYSTEM_FONTS", "JOBLIB_MULTIPROCESSING"}
    return sorted(set(os.environ) - meant) or "refused"
