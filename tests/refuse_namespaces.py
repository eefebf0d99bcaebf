"""Runs a command as a plain `docker run` would: the kernel refuses it namespaces and mounts.

The rules come from Docker's default seccomp profile: clone with a namespace flag, unshare, setns and the calls that
mount fail with EPERM, and clone3, whose flags no filter can see, fails with ENOSYS.
"""

import errno
import os
import sys

import pyseccomp

_NAMESPACE_FLAGS = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)


def refuse_namespaces() -> None:
    """Install the filter on this process and on all that it starts."""
    program = pyseccomp.SyscallFilter(pyseccomp.ALLOW)
    refused = pyseccomp.ERRNO(errno.EPERM)
    for name in ("unshare", "setns", "mount", "umount2", "pivot_root", "fsopen", "fsmount", "move_mount", "open_tree"):
        program.add_rule(refused, name)
    for flag in _NAMESPACE_FLAGS:
        program.add_rule(refused, "clone", pyseccomp.Arg(0, pyseccomp.MASKED_EQ, flag, flag))
    program.add_rule(pyseccomp.ERRNO(errno.ENOSYS), "clone3")
    program.load()


if __name__ == "__main__":
    refuse_namespaces()
    os.execv(sys.argv[1], sys.argv[1:])
