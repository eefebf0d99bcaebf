"""Compiles the seccomp filters of scripts and of checkers (nsjail/*.seccomp.yaml) with libseccomp."""

import errno
import os
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Literal

import msgspec
import yaml

from ..jail.isolate import OWN_PID_MARK

# The circumstances in which a rule does not apply; the file's header says what each means.
Circumstance = Literal["files_of_own_user", "truncate_ungoverned"]


class FilterRule(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One rule of the filter; the file's header says what its fields mean."""

    calls: list[str]
    argument: int | None = None
    mask: int = 2**64 - 1
    equals: int | None = None
    any_of: list[int] = []
    own_process: bool = False
    zero: list[int] = []
    not_sigcont: int | None = None
    errno: str | None = None
    pretend: bool = False
    unless: Circumstance | None = None

    def values(self) -> list[int]:
        """Return every value that the argument may have."""
        if self.own_process:
            return [OWN_PID_MARK]
        return self.any_of if self.equals is None else [self.equals]

    def differences(self) -> list[tuple[int, int]]:
        """Return each bit, as a mask, in which the signal may differ from SIGCONT, with the value that it then has.

        The kernel looks at a part of the argument only, so a script could evade a comparison with all of it.
        """
        bits = [1 << bit for bit in range(signal.NSIG.bit_length())]
        return [(bit, ~signal.SIGCONT & bit) for bit in bits]


class Filter(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """The whole file."""

    version: int
    rules: list[FilterRule]


def load_filter(path: Path) -> Filter:
    """Read a filter file.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not YAML or does not fit the schema.
    """
    try:
        return msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), Filter)
    except (yaml.YAMLError, msgspec.ValidationError) as error:
        raise ValueError(f"{path}: {error}") from error


def compile_filter(rules: Filter, circumstances: Collection[Circumstance] = ()) -> bytes:
    """Translate a filter to BPF instructions for the system calls of this host.

    Calls that the host does not have are left out: nothing can make them.

    Args:
        rules: the filter.
        circumstances: what holds for the scripts that get the filter; a rule whose `unless` is one of them is left out.

    Raises:
        OSError: libseccomp is not installed, or refuses a rule.
    """
    # Imported here, since its search for the C library takes longer than all else that this package imports.
    import pyseccomp

    program = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    program.set_attr(pyseccomp.Attr.ACT_BADARCH, pyseccomp.KILL_PROCESS)
    # The filter finds a call by bisection, instead of one comparison after another.
    program.set_attr(pyseccomp.Attr.CTL_OPTIMIZE, 2)
    for rule in rules.rules:
        if rule.unless in circumstances:
            continue
        action = pyseccomp.ALLOW if rule.errno is None else pyseccomp.ERRNO(getattr(errno, rule.errno))
        if rule.pretend:
            action = pyseccomp.ERRNO(0)
        for name in rule.calls:
            if pyseccomp.resolve_syscall(pyseccomp.Arch.NATIVE, name) < 0:
                continue
            if rule.argument is None:
                zero = [pyseccomp.Arg(index, pyseccomp.EQ, 0) for index in rule.zero]
                program.add_rule(action, name, *zero)
            for value in rule.values():
                match = pyseccomp.Arg(rule.argument, pyseccomp.MASKED_EQ, rule.mask, value)
                if rule.not_sigcont is None:
                    program.add_rule(action, name, match)
                    continue
                for bit, differing in rule.differences():
                    program.add_rule(
                        action, name, match, pyseccomp.Arg(rule.not_sigcont, pyseccomp.MASKED_EQ, bit, differing)
                    )
    with open(os.memfd_create("filter"), "w+b") as file:
        program.export_bpf(file)
        file.seek(0)
        return file.read()
