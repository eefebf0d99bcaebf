"""The service's start: it reads the configuration, and logs what an operator should know."""

import logging
from collections.abc import Mapping

from policy import PolicyFileError
from policy.rules import SHIPPED, PolicyFile, load_policy_file
from sandbox import Health
from service.admission import divide_open_files
from service.settings import Settings, SettingsError, read_settings

_log = logging.getLogger("service")


def read_configuration(environment: Mapping[str, str]) -> tuple[Settings, int, PolicyFile]:
    """Read the settings and the policy; if one is wrong, end the process with a message and no stack.

    Returns:
        the settings, how many connections may be open at once, and the policy.

    Raises:
        SystemExit: something is wrong.
    """
    try:
        settings = read_settings(environment)
        connections = divide_open_files(settings)
        return settings, connections, load_policy_file(settings.policy_file or SHIPPED)
    except SettingsError as error:
        raise SystemExit(f"Wrong settings:\n{error}") from None
    except PolicyFileError as error:
        name = f"POLICY_FILE={settings.policy_file}" if settings.policy_file else "The policy"
        raise SystemExit(f"Wrong policy: {name}: {error}") from None


def log_policy(settings: Settings, policy: PolicyFile) -> None:
    """Log which policy applies if it is not the service's own, and what is odd about it."""
    if settings.policy_file:
        _log.info("Policy: POLICY_FILE=%s, %d rules", settings.policy_file, len(policy.rules))
    if not policy.rules:
        _log.warning("The policy has no rules: no script is refused before it runs.")
    for warning in policy.warnings:
        _log.warning("POLICY_FILE=%s", warning)


def log_health(health: Health) -> None:
    """Log how well scripts are isolated, or why none can be run, and what this host lacks."""
    level = health.isolation.value if health.isolation else "none"
    if health.reason:
        _log.error("No script can be run: %s (isolation: %s)", health.reason, level)
    else:
        _log.info("Isolation level: %s", level)
    for layer in health.missing:
        if layer not in health.reason:
            _log.warning("Missing: %s", layer)
