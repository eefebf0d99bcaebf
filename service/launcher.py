"""The first process of a container: `python -m service.launcher`.

As root it starts the HTTP server as an unprivileged user, and beside it, as root, the process that starts jails for it:
nothing that listens and nothing that runs a script is root. As any other user it starts the server alone, which then
starts its jails itself. Either way it passes on the signals that end a container, buries what nobody else does, and
ends with the server's status.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import traceback
from contextlib import suppress
from pathlib import Path
from types import FrameType

from sandbox.host.reach import find_closed
from service.settings import SPAWN_BROKER_FD, Settings, SettingsError, read_settings

# A user and group without a name, a file or another process; not among those of scripts (sandbox/host/host.py).
_SERVER_ID = 65_532
_SERVER = (sys.executable, "-m", "functions_framework", "--target", "app")
_FOLDER = Path(__file__).resolve().parent.parent
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
_KILLED_STATUS = 128
# What ends with the server takes this long at most: its last jails and their scratch folders.
_BROKER_SECONDS = 10
# Bits of capabilities(7).
_CAP_SETGID, _CAP_SETUID = 6, 7


def main() -> int:
    """Run until the server ends, and return the status to end with."""
    try:
        # As root, and so before the server, who may not see what NSJAIL and SANDBOX_PYTHON name.
        settings = read_settings(os.environ)
    except SettingsError as error:
        print(f"Wrong settings:\n{error}", file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        return _wait_for(_start_server(None), None)
    if not _may_become_another_user():
        print(
            "The service was started as root without the capabilities SETUID and SETGID, by which it stops being root. "
            "Leave it these two, or start it as another user: docker run --user 65532.",
            file=sys.stderr,
        )
        return 1
    if closed := find_closed((_FOLDER, sys.prefix, sys.executable)):
        print(
            f"The service is root, and its HTTP server another user, to whom {closed} is closed. Open it (chmod o+rx), "
            "put the service and its Python elsewhere, such as below /opt, or start it as another user.",
            file=sys.stderr,
        )
        return 1
    requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # The server first: the other imports, and looks around, while the server does its own imports.
    server = _start_server(theirs.fileno())
    theirs.close()
    spawn_broker = _fork_spawn_broker(requests, settings)
    requests.close()
    status = _wait_for(server, spawn_broker)
    _end(spawn_broker, status)
    return status


def _may_become_another_user() -> bool:
    found = re.search(r"^CapEff:\s+([0-9a-f]+)$", Path("/proc/self/status").read_text(), re.MULTILINE)
    effective = int(found[1], 16) if found else 0
    return all(effective >> capability & 1 for capability in (_CAP_SETGID, _CAP_SETUID))


def _start_server(broker_fd: int | None) -> subprocess.Popen[bytes]:
    """Start functions-framework; where its jails are started for it, as another user."""
    # The service's own modules come before any other's of the same name.
    environment = {**os.environ, "PYTHONPATH": str(_FOLDER)}
    command = list(_SERVER)
    fds = []
    if broker_fd is not None:
        fds = [broker_fd]
        environment |= {SPAWN_BROKER_FD: str(broker_fd), "HOME": "/nonexistent"}
        user = (f"--reuid={_SERVER_ID}", f"--regid={_SERVER_ID}", "--clear-groups", "--inh-caps=-all")
        command = ["setpriv", *user, "--no-new-privs", *command]
    # In a session of its own, so that a Ctrl-C in the terminal reaches it through this process alone.
    process = subprocess.Popen(command, cwd=_FOLDER, env=environment, pass_fds=fds, start_new_session=True)

    def pass_on(number: int, frame: FrameType | None) -> None:
        process.send_signal(signal.SIGTERM)

    for number in _ENDING:
        signal.signal(number, pass_on)
    return process


def _fork_spawn_broker(requests: socket.socket, settings: Settings) -> int:
    """Fork the process that starts jails, and return its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)  # it ends when the server has
        _start_jails(requests, settings)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _start_jails(requests: socket.socket, settings: Settings) -> None:
    """Start the jails that the server asks for, until it has gone."""
    from sandbox.host.spawn_broker import Allowed, serve  # noqa: PLC0415 (the server has been started meanwhile)
    from service.admission import divide_open_files  # noqa: PLC0415
    from service.logs import configure_logs  # noqa: PLC0415

    try:
        divide_open_files(settings)
    except SettingsError:
        return  # the server says what is wrong, and ends
    configure_logs(settings.log_level, settings.log_format)
    warm = settings.warm_start
    serve(
        requests,
        settings.limits,
        settings.concurrency,
        warm.spares if warm else 0,
        allowed=Allowed(settings.min_isolation, tuple(warm.imports) if warm else ()),
        nsjail=settings.nsjail,
        python=settings.python,
    )


def _wait_for(server: subprocess.Popen[bytes], spawn_broker: int | None) -> int:
    """Bury every child until the server ends; return the status of that, as a shell gives it, or why it had to end.

    With the server's first process end all others of its group, which would go on without anybody to watch over them.
    """
    lost_broker = 0
    while True:
        pid, status = os.waitpid(-1, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            # Who holds one of these two up holds up the service, and nobody else would set it going again.
            if pid in (server.pid, spawn_broker) and os.WSTOPSIG(status) == signal.SIGSTOP:
                print(f"Process {pid} was stopped, and is continued.", file=sys.stderr)
                os.kill(pid, signal.SIGCONT)
        elif pid == server.pid:
            server.returncode = code = os.waitstatus_to_exitcode(status)
            with suppress(ProcessLookupError):  # as it should be: its workers have ended before it
                os.killpg(pid, signal.SIGKILL)
            return (code or lost_broker) if code >= 0 else _KILLED_STATUS - code
        elif pid == spawn_broker and status != 0:  # with 0 it ends because the server has gone
            print("The process that starts jails has ended, and so the service ends.", file=sys.stderr)
            lost_broker = 1
            server.send_signal(signal.SIGTERM)


def _end(spawn_broker: int, status: int) -> None:
    """Wait for the process that starts jails, which has lost the server; end with `status` when it takes too long."""
    # By a handler, because the first process of a container does not feel signals without one: pid_namespaces(7).
    signal.signal(signal.SIGALRM, lambda *_: os._exit(status))
    signal.alarm(_BROKER_SECONDS)
    while True:
        try:
            if os.wait()[0] == spawn_broker:
                return
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.exit(main())
