"""`make attack` tries every attack of tests/attacks, and the sweep, on services, and prints a table of what held.

Without `--url` it starts the service itself, at every level that this host allows: warm and cold, as root and as an
ordinary user, with the policy off and on. With `--url` it attacks a running service. It reads a bearer token for that
service from the environment variable `TOKEN`, and the service's limits, if they are not the defaults, from the
service's own variables (`SANDBOX_MEMORY_MB`, …). With `--attack NAME` it tries that attack alone, and does not sweep.

It exits with 0 if everything held, with 1 if something got through, and with 2 if a service cannot be attacked.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import requests

from sandbox.limits import MB
from service.settings import SettingsError, read_settings
from tests import sweep
from tests.attack_report import Findings, Verdict, report
from tests.attacking import ATTACKS, CATEGORIES, ORDINARY_USER, Attack, Target, attack_facts, run_attack
from tests.conftest import Serve, servers
from tests.sandbox.conftest import LEVELS, start_at_level

_SHOWN_CHARACTERS = 500
_BUSY_TRIES = 20
# The suite gives a service up after this many attacks in a row without an answer.
_MOST_SILENT = 3


class CannotAttackError(Exception):
    """There is no service to attack; the message says what would help."""


class Choice(NamedTuple):
    """What to try on a service.

    Attributes:
        attacks: attacks of tests/attacks.
        sweep: whether to make every system call too.
    """

    attacks: list[Attack]
    sweep: bool = True


class Remote:
    """A service at a URL."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def health(self) -> dict[str, Any]:
        """Return what /health says.

        Raises:
            CannotAttackError: there is no such service, or it runs no scripts.
        """
        try:
            response = self._session.get(f"{self._url}/health", timeout=60)
            health: dict[str, Any] = response.json()
        except requests.JSONDecodeError:
            help_ = " Give it a token: TOKEN=…" if response.status_code in (401, 403) else ""
            raise CannotAttackError(f"{self._url}/health answers {response.status_code}, and no JSON.{help_}") from None
        except requests.RequestException as error:
            raise CannotAttackError(f"{self._url} cannot be reached: {error}") from None
        if "isolation" not in health:
            raise CannotAttackError(f"{self._url} runs no scripts: {health}")
        return health

    def post(self, script: str, **fields: Any) -> requests.Response:
        """Send a script to /execute, and repeat it while the service answers that it is busy."""
        for _ in range(_BUSY_TRIES):
            response = self._session.post(f"{self._url}/execute", json={"script": script, **fields}, timeout=120)
            if response.status_code != 429:
                break
            time.sleep(float(response.headers.get("Retry-After", 1)))
        return response


def judge(attack: Attack, outcome: str, level: str) -> Verdict:
    """Return the verdict on the outcome of an attack."""
    if outcome in attack.expects:
        return Verdict.HELD
    if outcome == "policy_violation":
        return Verdict.REFUSED
    return Verdict.LIMITATION if outcome in attack.expected_at(level) else Verdict.THROUGH


def attack_service(
    target: Target, name: str, health: dict[str, Any], facts: dict[str, Any], choice: Choice, found: Findings
) -> None:
    """Try each chosen attack if the facts that it needs are known, and add the verdicts to `found`.

    Raises:
        CannotAttackError: the service does not answer any more.
    """
    found.services.append(name)
    silent = 0
    for attack in choice.attacks:
        if lacking := attack.needs - facts.keys():
            found.left_out[", ".join(sorted(lacking))].add(attack.name)
            continue
        try:
            outcome, answer = run_attack(target, attack, facts)
            silent = 0
        except (requests.RequestException, KeyError) as error:
            outcome, answer = f"no answer: {error!r}", {}
            silent += 1
        verdict = judge(attack, outcome, health["isolation"])
        found.verdicts[attack.category][verdict] += 1
        if verdict is Verdict.THROUGH:
            found.through.append(f"{attack.name} ({name}): {outcome} {answer}"[:_SHOWN_CHARACTERS])
        elif verdict is Verdict.LIMITATION:
            found.limitations[attack.limitation].add(attack.name)
        if silent >= _MOST_SILENT:
            raise CannotAttackError(f"{name} does not answer any more, after {found.through[-_MOST_SILENT:]}.")
    if choice.sweep:
        _sweep(target, name, health, found)
    else:
        found.reachable.add("not swept")


def _sweep(target: Target, name: str, health: dict[str, Any], found: Findings) -> None:
    machine = target.post("import platform\ndef main():\n    return platform.machine()").json().get("result")
    if machine != sweep.MACHINE:
        found.reachable.add(f"not swept: {machine}")
        return
    try:
        differences = sweep.differences(target, health)
    except sweep.Refused:
        found.reachable.add("not swept: refused")
        return
    found.reachable.add("as listed" if not differences else "not as listed")
    found.through += [f"system call ({name}): {sentence}" for sentence in differences]


def attack_url(url: str, choice: Choice) -> dict[str, Findings]:
    """Attack a running service, of which only the limits are known.

    Raises:
        CannotAttackError: it cannot be attacked.
    """
    try:
        limits = read_settings(os.environ).limits
    except SettingsError as error:
        raise CannotAttackError(f"The settings of the service's limits are not valid:\n{error}") from None
    remote = Remote(url, os.environ.get("TOKEN", ""))
    health = remote.health()
    facts = {"threads": limits.threads, "open_files": limits.open_files, "memory_mb": limits.memory_bytes // MB}
    facts |= {"scratch_mb": limits.scratch_bytes // MB, "result_mb": limits.result_bytes // MB}
    found = Findings()
    attack_service(remote, url, health, facts, choice, found)
    if (now := remote.health()) != health:
        found.through.append(f"/health has changed: {now}, and was: {health}")
    return {health["isolation"]: found}


def attack_here(choice: Choice) -> dict[str, Findings]:
    """Start services of every kind, and attack them; return what was found by level and policy."""
    columns: dict[str, Findings] = defaultdict(Findings)
    with tempfile.TemporaryDirectory(prefix="attack-suite-") as name, attack_facts() as facts:
        folder = Path(name)
        folder.chmod(0o755)
        no_rules = folder / "none.yaml"
        no_rules.write_text("version: 1\n")

        def make_folder() -> Path:
            return Path(tempfile.mkdtemp(dir=folder))

        with servers(make_folder) as start:
            for policy, settings in (("policy off", {"POLICY_FILE": str(no_rules)}), ("policy on", {})):
                for kind in _kinds():
                    _attack_own(start, kind, policy, settings, facts, choice, columns[f"{kind.level}, {policy}"])
    return columns


class Kind(NamedTuple):
    """How to run the service: `user` is a user id, or None for the user of this process."""

    level: str
    mode: str
    user: int | None


def _kinds() -> Iterator[Kind]:
    for level in LEVELS:
        for mode in ("warm", "cold"):
            for user in (None, ORDINARY_USER) if os.geteuid() == 0 else (None,):
                yield Kind(level, mode, user)


def _attack_own(
    start: Serve,
    kind: Kind,
    policy: str,
    settings: dict[str, str],
    facts: dict[str, Any],
    choice: Choice,
    found: Findings,
) -> None:
    user = kind.user or os.geteuid()
    name = f"{kind.level}, {kind.mode}, as {f'user {user}' if user else 'root'}, {policy}"
    server = start_at_level(start, kind.level, kind.mode, user=kind.user, **settings)
    health = requests.get(f"{server.url}/health", timeout=60).json()
    if health.get("isolation") != kind.level:
        found.left_out[f"{name}: this host does not allow it, {health}"].add("every attack")
    else:
        print(f"Attacking: {name}", file=sys.stderr)
        attack_service(server, name, health, facts | {"service_pid": server.process.pid}, choice, found)
    try:
        server.stop()
    except AssertionError as error:
        found.through.append(f"The server did not stop cleanly ({name}): {error}"[:_SHOWN_CHARACTERS])


def main() -> int:
    """Attack, print the report, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack_suite", description="Attack the service.")
    parser.add_argument("--url", help="the address of a running service")
    parser.add_argument(
        "--category", action="append", choices=CATEGORIES, help="only this category; can be given again"
    )
    parser.add_argument(
        "--attack", metavar="NAME", help="only this attack: a file of tests/attacks, or one of its cases"
    )
    options = parser.parse_args()
    attacks = [attack for attack in ATTACKS if attack.category in (options.category or CATEGORIES)]
    if options.attack:
        attacks = [attack for attack in attacks if options.attack in (attack.name, attack.name.partition("-")[0])]
    if not attacks:
        parser.error(f"there is no attack {options.attack}; each is a file of tests/attacks, without .py")
    choice = Choice(attacks, sweep=not options.attack)
    try:
        columns = attack_url(options.url, choice) if options.url else attack_here(choice)
    except CannotAttackError as error:
        print(error, file=sys.stderr)
        return 2
    print(report(columns))
    return 1 if any(found.through for found in columns.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
