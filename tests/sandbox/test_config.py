"""The files in nsjail/ set what SECURITY.md promises, and nsjail does what they set."""

import errno
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pyseccomp
import pytest

import nsjail
from sandbox.host.seccomp import compile_filter, load_filter
from sandbox.host.spawner import ENVIRONMENT
from sandbox.jail.isolate import OWN_PID_MARK, fill_in_pid
from tests.conftest import ROOT

CONFIGS = ["namespaces.cfg", "seccomp.cfg"]
FILTER = ROOT / "nsjail" / "script.seccomp.yaml"
BINARY = str(nsjail.bundled_nsjail())


def fields(name: str) -> list[tuple[str, str]]:
    """Return the file's fields, those of its blocks included, in order."""
    text = re.sub(r"^\s*#.*$", "", (ROOT / "nsjail" / name).read_text(), flags=re.MULTILINE)
    return re.findall(r'(\w+): ("[^"]*"|\S+)', text)


@pytest.mark.parametrize("name", CONFIGS)
def test_both_configs_drop_privileges_environment_core_dumps_and_proc(name: str) -> None:
    config = dict(fields(name))
    assert config["keep_caps"] == "false"
    assert config["disable_no_new_privs"] == "false"
    assert config["keep_env"] == "false"
    assert config["rlimit_core"] == "0"
    assert config["mount_proc"] == "false"


def test_the_config_of_namespaces_has_every_namespace_and_three_devices() -> None:
    config = fields("namespaces.cfg")
    for namespace in ("user", "ns", "pid", "net", "ipc", "uts", "cgroup"):
        assert (f"clone_new{namespace}", "true") in config
    assert ("iface_no_lo", "true") in config
    assert [value for key, value in config if key == "dst"] == ['"/dev/null"', '"/dev/zero"', '"/dev/urandom"']


@pytest.mark.needs_root
@pytest.mark.parametrize("name", CONFIGS)
def test_the_command_in_the_header_works(name: str) -> None:
    header = (ROOT / "nsjail" / name).read_text().split("\n\n")[0]
    lines = re.findall(r"^#   +(.+)$", header, re.MULTILINE)
    words = shlex.split(" ".join(line.removesuffix("\\") for line in lines))
    assert words[0] == "nsjail"
    done = subprocess.run([BINARY, *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "home" not in done.stdout


FIRST_FILTER = [
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "clock_adjtime",
    "clock_settime",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "init_module",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "modify_ldt",
    "mq_open",
    "mq_unlink",
    "msgctl",
    "msgget",
    "msgrcv",
    "msgsnd",
    "name_to_handle_at",
    "open_by_handle_at",
    "perf_event_open",
    "personality",
    "pidfd_getfd",
    "pidfd_send_signal",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "quotactl",
    "reboot",
    "request_key",
    "semctl",
    "semget",
    "semop",
    "semtimedop",
    "setdomainname",
    "sethostname",
    "settimeofday",
    "shmat",
    "shmctl",
    "shmget",
    "swapoff",
    "swapon",
    "syslog",
    "userfaultfd",
    "vhangup",
]


def test_the_first_filter_names_these_calls() -> None:
    text = re.sub(r"//.*", "", (ROOT / "nsjail" / "supervisor.kafel").read_text())
    [listed] = re.findall(r"ERRNO\(1\) \{(.*?)\}", text, re.DOTALL)
    assert sorted(re.findall(r"\w+", listed)) == FIRST_FILTER


def test_the_first_filter_blocks_what_it_names() -> None:
    """With the filter ptrace(PTRACE_TRACEME) fails; in the control, without the filter, it succeeds."""
    script = "import ctypes, os; os._exit(0 if ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0 else 7)"
    command = [BINARY, "-C", str(ROOT / "nsjail" / "seccomp.cfg"), "-u", str(os.getuid()), "-g", str(os.getgid())]
    python = ["--", "/usr/bin/python3.11", "-I", "-c", script]
    policy = ["-P", str(ROOT / "nsjail" / "supervisor.kafel")]
    assert subprocess.run([*command, *policy, *python], capture_output=True, check=False, timeout=30).returncode == 7
    assert subprocess.run([*command, *python], capture_output=True, check=False, timeout=30).returncode == 0


def test_libseccomp_knows_every_call_of_the_filter() -> None:
    for rule in load_filter(FILTER).rules:
        for call in rule.calls:
            assert pyseccomp.resolve_syscall(pyseccomp.Arch.X86_64, call) != pyseccomp.resolve_syscall(
                pyseccomp.Arch.X86_64, "no-such-call"
            ), call


def test_calls_that_open_the_jail_are_not_allowed() -> None:
    allowed = {call for rule in load_filter(FILTER).rules if rule.errno is None for call in rule.calls}
    dangerous = {"socket", "connect", "bind", "sendmsg", "sendmmsg", "execve", "execveat", "fork", "vfork", "clone3"}
    dangerous |= {"ptrace", "mount", "unshare", "setns", "chroot", "bpf", "keyctl", "io_uring_setup", "memfd_create"}
    dangerous |= {"process_vm_readv", "userfaultfd", "setuid", "setresuid", "mknod", "mknodat", "shmget", "tkill"}
    assert allowed.isdisjoint(dangerous)


def test_the_process_id_is_filled_in_everywhere_and_nowhere_else() -> None:
    program = compile_filter(load_filter(FILTER))
    mark = OWN_PID_MARK.to_bytes(4, sys.byteorder)
    own_process_calls = sum(len(rule.calls) for rule in load_filter(FILTER).rules if rule.own_process)
    assert 1 <= program.count(mark) <= own_process_calls
    filled = fill_in_pid(program, 12345)
    assert mark not in filled
    assert len(filled) == len(program)
    differing = {index // 8 for index, (one, other) in enumerate(zip(program, filled, strict=True)) if one != other}
    assert len(differing) == program.count(mark)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("version: 1\nrules: [{calls: [read], argment: 1}]", "argment"),
        ("version: 1\nrules: [{}]", "calls"),
        ("version: 1\nrules: read", "array"),
        ("rules: []", "version"),
        ("version: [", "while parsing"),
    ],
)
def test_a_broken_filter_file_is_refused(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "filter.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message) as refused:
        load_filter(file)
    assert str(file) in str(refused.value)


def test_errno_names_are_known() -> None:
    assert all(rule.errno is None or hasattr(errno, rule.errno) for rule in load_filter(FILTER).rules)


@pytest.mark.parametrize("level", ["namespaces", "seccomp"])
def test_every_jail_has_the_environment_of_one_without_nsjail(level: str) -> None:
    config = (ROOT / "nsjail" / f"{level}.cfg").read_text()
    assert dict(re.findall(r'^envar: "(\w+)=(.*)"$', config, re.MULTILINE)) == ENVIRONMENT
