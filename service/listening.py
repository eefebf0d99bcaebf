"""Where the server listens, and what it says about that when it does.

functions-framework reads HOST and PORT by itself, before it loads the service. It takes 0.0.0.0 where there is no HOST,
and puts a colon between the two also where HOST has colons of its own. So what it tells gunicorn is set right where
gunicorn takes it.
"""

import logging
from typing import Any

import click
import gunicorn.config  # type: ignore[import-untyped]
from click.core import ParameterSource

from service.settings import DEBUGGER, Settings

_log = logging.getLogger("service.gunicorn_worker")


def arrange_listening(settings: Settings) -> None:
    """Have gunicorn listen where the settings say, or `--host`; to be called before functions-framework runs it."""
    context = click.get_current_context(silent=True)
    chosen = context is not None and context.get_parameter_source("host") is ParameterSource.COMMANDLINE

    if context is not None and context.params.get("debug"):
        raise SystemExit(f"Wrong settings:\n--debug: {DEBUGGER}")

    def set_right(told: str | list[str]) -> list[str]:
        every = [told] if isinstance(told, str) else told
        return [_address(one, "" if chosen else settings.host) for one in every]

    def say(arbiter: Any) -> None:
        for listener in arbiter.LISTENERS:
            _log.info("Listening on %s.", listener)
        if settings.behind_cloud_run:
            _log.info("The service does not authenticate callers: Cloud Run lets through whom its IAM policy allows.")
        else:
            _log.warning("Callers are not authenticated: whoever reaches this port can run scripts.")

    # Plain functions would become methods of these settings of gunicorn's.
    gunicorn.config.Bind.validator = staticmethod(set_right)
    gunicorn.config.WhenReady.default = staticmethod(say)


def _address(told: str, host: str) -> str:
    """Return what gunicorn is told, with another host where one is given, and IPv6 in brackets as gunicorn wants it."""
    told_host, _, port = told.rpartition(":")
    host = host or told_host.removeprefix("[").removesuffix("]")
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
