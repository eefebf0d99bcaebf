"""Where the server listens, what it logs about that, and what it says if it cannot.

functions-framework reads HOST and PORT by itself, before it loads the service. Without a HOST it listens on 0.0.0.0,
and it joins the two with a colon even if HOST has colons of its own. So the address is corrected where gunicorn takes
it.
"""

import errno
import logging
import os
import socket
from typing import Any

import click
import gunicorn.config  # type: ignore[import-untyped]
from click.core import ParameterSource

from service.settings import DEBUGGER, Settings

_log = logging.getLogger("service.gunicorn_worker")


def arrange_listening(settings: Settings) -> None:
    """Have gunicorn listen where the settings or `--host` say; to be called before functions-framework starts it.

    Raises:
        SystemExit: the command line asks for Flask's debugger.
    """
    context = click.get_current_context(silent=True)
    if context is not None and context.params.get("debug"):
        raise SystemExit(f"Wrong settings:\n--debug: {DEBUGGER}")
    host_is_given = context is not None and context.get_parameter_source("host") is ParameterSource.COMMANDLINE

    def correct(told: str | list[str]) -> list[str]:
        addresses = [told] if isinstance(told, str) else told
        return [_address(address, "" if host_is_given else settings.host) for address in addresses]

    def log_listeners(arbiter: Any) -> None:
        for listener in arbiter.LISTENERS:
            _log.info("Listening on %s", listener)
        if settings.behind_cloud_run:
            _log.info("The service does not authenticate callers: Cloud Run lets through whom its IAM policy allows.")
        else:
            _log.warning("The service does not authenticate callers: whoever reaches this port can run scripts.")

    # Plain functions would become methods of these settings of gunicorn's.
    gunicorn.config.Bind.validator = staticmethod(correct)
    gunicorn.config.OnStarting.default = staticmethod(_try_addresses)
    gunicorn.config.WhenReady.default = staticmethod(log_listeners)


def _address(told: str, host: str) -> str:
    """Return the address that gunicorn is told, with another host if one is given, and with IPv6 in brackets."""
    told_host, _, port = told.rpartition(":")
    host = host or told_host.removeprefix("[").removesuffix("]")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _try_addresses(arbiter: Any) -> None:
    """Bind each address once, because gunicorn tries for five seconds, with two log lines for each failure.

    Raises:
        SystemExit: an address cannot be bound; one line says why.
    """
    # A socket that another process hands over is bound already: sd_listen_fds(3), and gunicorn's own upgrade.
    if os.environ.keys() & {"LISTEN_FDS", "GUNICORN_FD"}:
        return
    for host, port in arbiter.cfg.address:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    advice = "another program listens there; stop it, or set PORT to another port"
                else:
                    advice = f"{error.strerror}; set HOST or PORT to another address"
                raise SystemExit(f"Cannot listen on port {port} of {host}: {advice}.") from None
