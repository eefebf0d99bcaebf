"""The first process of a container: `python -m service.launcher`.

As root it starts the HTTP server as an unprivileged user. Beside it, still as root, runs the spawn broker, which starts
jails for the server. So nothing that listens and nothing that runs a script is root. As any other user it starts the
server alone, which then starts its jails itself. Either way it passes on the signals that end a container, reaps the
processes that nobody else does, and exits with the server's status.
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

# A user and group without a name, a file or another process; not among those of scripts
# (sandbox/host/nsjail_command.py).
_SERVER_ID = 65_532
_SERVER = (sys.executable, "-m", "functions_framework", "--target", "app")
_FOLDER = Path(__file__).resolve().parent.parent
_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
_KILLED_STATUS = 128
# How long the broker may take to exit after the server: it ends the last jails and removes their scratch folders.
_BROKER_SECONDS = 10
# Bits of capabilities(7).
_CAP_SETGID, _CAP_SETUID = 6, 7


def main() -> int:
    """Run until the server exits, and return the status to exit with."""
    try:
        # As root: the server may not see what NSJAIL and SANDBOX_PYTHON name.
        settings = read_settings(os.environ)
    except SettingsError as error:
        print(f"Wrong settings:\n{error}", file=sys.stderr)
        return 1
    if os.geteuid() != 0:
        return _wait_for(_start_server(None), None)
    if not _may_become_another_user():
        print(
            "The service runs as root without the capabilities SETUID and SETGID, which it needs to stop being root. "
            "Give it these two, or start it as another user: docker run --user 65532.",
            file=sys.stderr,
        )
        return 1
    if closed := find_closed((_FOLDER, sys.prefix, sys.executable)):
        print(
            f"The service runs as root, and its HTTP server as another user, who cannot read {closed}. Open it (chmod "
            "o+rx), put the service and its Python elsewhere, such as below /opt, or start it as another user.",
            file=sys.stderr,
        )
        return 1
    requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # The server first: the broker does its imports, and probes this host, while the server does its own imports.
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
    """Start functions-framework; as another user if a broker starts its jails."""
    # The service's own modules come before others of the same names.
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
    """Fork the spawn broker, and return its process id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        for number in _ENDING:
            signal.signal(number, signal.SIG_IGN)  # it exits after the server
        _start_jails(requests, settings)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _start_jails(requests: socket.socket, settings: Settings) -> None:
    """Start the jails that the server asks for, until it exits."""
    from sandbox.host.spawn_broker import Allowed, serve  # noqa: PLC0415 (the server has been started meanwhile)
    from service.admission import divide_open_files  # noqa: PLC0415
    from service.logs import configure_logs  # noqa: PLC0415

    try:
        divide_open_files(settings)
    except SettingsError:
        return  # the server says what is wrong, and exits
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
    """Reap every child until the server exits; return its status as a shell does, or 1 if the broker was lost.

    When the server's first process exits, this kills all others of its group, which nobody would watch over.
    """
    lost_broker = 0
    while True:
        pid, status = os.waitpid(-1, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            # If one of these two is stopped, so is the service, and nobody else would continue it.
            if pid in (server.pid, spawn_broker) and os.WSTOPSIG(status) == signal.SIGSTOP:
                print(f"Process {pid} was stopped, and is continued.", file=sys.stderr)
                os.kill(pid, signal.SIGCONT)
        elif pid == server.pid:
            server.returncode = code = os.waitstatus_to_exitcode(status)
            with suppress(ProcessLookupError):  # as usual: its workers have exited before it
                os.killpg(pid, signal.SIGKILL)
            return (code or lost_broker) if code >= 0 else _KILLED_STATUS - code
        elif pid == spawn_broker and status != 0:  # with 0 it exits because the server has
            print("The spawn broker exited, and so the service stops.", file=sys.stderr)
            lost_broker = 1
            server.send_signal(signal.SIGTERM)


def _end(spawn_broker: int, status: int) -> None:
    """Wait for the spawn broker, which has lost the server; exit with `status` if it takes too long."""
    # A handler is needed: the kernel gives the first process of a container only signals that it handles
    # (pid_namespaces(7)).
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
