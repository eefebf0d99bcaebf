"""`make attack`: every attack of tests/attacks, and the sweep, against services; a table of what held.

Without `--url` it starts the service itself, at every level that this place allows: warm and cold, as root and as an
ordinary user, with the policy off and on. With `--url` it attacks a service that runs, as that is set up; a bearer
token for it is taken from the environment variable `TOKEN`, and its limits, where they are not the defaults, from the
service's own variables (`SANDBOX_MEMORY_MB`, …).

It ends with 0 where everything held, with 1 where something did not, and with 2 where a service cannot be attacked.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, NamedTuple

import requests

from sandbox.limits import MB
from service.settings import SettingsError, read_settings
from tests import sweep
from tests.attacking import ATTACKS, CATEGORIES, ORDINARY_USER, Attack, Target, attack_facts, run_attack
from tests.conftest import Serve, servers
from tests.sandbox.conftest import LEVELS, start_at_level

_SHOWN_CHARACTERS = 500
_BUSY_TRIES = 20
# So many attacks in a row without an answer, and there is nobody to attack any more.
_MOST_SILENT = 3


class CannotAttackError(Exception):
    """There is no service to attack; the message says what would help."""


class Verdict(Enum):
    """What came of an attack."""

    HELD = "it did not get through"
    REFUSED = "the policy refused it before it ran"
    LIMITATION = "it got through, as SECURITY.md says that it does"
    THROUGH = "it got through, or its answer is none of those that it should be"


@dataclass
class Findings:
    """What came of all attacks on all services of one column of the table.

    Attributes:
        services: what was attacked, in words.
        verdicts: how often each verdict was given, by category.
        through: what got through, with its answer.
        limitations: what got through as SECURITY.md says, by its words.
        left_out: the attacks that were not tried, by what they would have needed.
        answered: what the sweeps have found, a word or two for each.
    """

    services: list[str] = field(default_factory=list)
    verdicts: dict[str, Counter[Verdict]] = field(default_factory=lambda: defaultdict(Counter))
    through: list[str] = field(default_factory=list)
    limitations: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    left_out: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reachable: set[str] = field(default_factory=set)

    def cell(self, categories: tuple[str, ...]) -> str:
        """Return the table's cell for some categories."""
        count = sum((self.verdicts[category] for category in categories), Counter())
        held = count[Verdict.HELD] + count[Verdict.REFUSED]
        refused = f", {count[Verdict.REFUSED]} refused" if count[Verdict.REFUSED] else ""
        return f"{held}/{held + count[Verdict.THROUGH]}{refused}"


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
        """Send a script to /execute, again while the service is busy with others."""
        for _ in range(_BUSY_TRIES):
            response = self._session.post(f"{self._url}/execute", json={"script": script, **fields}, timeout=120)
            if response.status_code != 429:
                break
            time.sleep(float(response.headers.get("Retry-After", 1)))
        return response


def judge(attack: Attack, came: str, level: str) -> Verdict:
    """Return the verdict on what came of an attack."""
    if came in attack.expects:
        return Verdict.HELD
    if came == "policy_violation":
        return Verdict.REFUSED
    return Verdict.LIMITATION if came in attack.expected_at(level) else Verdict.THROUGH


def attack_service(
    target: Target, name: str, health: dict[str, Any], facts: dict[str, Any], attacks: list[Attack], found: Findings
) -> None:
    """Try the attacks for which the facts suffice, and the sweep; add what is found.

    Raises:
        CannotAttackError: the service does not answer any more.
    """
    found.services.append(name)
    silent = 0
    for attack in attacks:
        if lacking := attack.needs - facts.keys():
            found.left_out[", ".join(sorted(lacking))].add(attack.name)
            continue
        try:
            came, answer = run_attack(target, attack, facts)
            silent = 0
        except (requests.RequestException, KeyError) as error:
            came, answer = f"no answer: {error!r}", {}
            silent += 1
        verdict = judge(attack, came, health["isolation"])
        found.verdicts[attack.category][verdict] += 1
        if verdict is Verdict.THROUGH:
            found.through.append(f"{attack.name} ({name}): {came} {answer}"[:_SHOWN_CHARACTERS])
        elif verdict is Verdict.LIMITATION:
            found.limitations[attack.limitation].add(attack.name)
        if silent >= _MOST_SILENT:
            raise CannotAttackError(f"{name} does not answer any more, after {found.through[-_MOST_SILENT:]}.")
    _sweep(target, name, health, found)


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


def attack_url(url: str, attacks: list[Attack]) -> dict[str, Findings]:
    """Attack a service that runs; nothing is known of it but its limits.

    Raises:
        CannotAttackError: it cannot be attacked.
    """
    try:
        limits = read_settings(os.environ).limits
    except SettingsError as error:
        raise CannotAttackError(f"The limits of the service are said wrongly:\n{error}") from None
    remote = Remote(url, os.environ.get("TOKEN", ""))
    health = remote.health()
    facts = {"threads": limits.threads, "open_files": limits.open_files, "memory_mb": limits.memory_bytes // MB}
    facts |= {"scratch_mb": limits.scratch_bytes // MB, "result_mb": limits.result_bytes // MB}
    found = Findings()
    attack_service(remote, url, health, facts, attacks, found)
    if (now := remote.health()) != health:
        found.through.append(f"/health has changed: {now}, and was: {health}")
    return {health["isolation"]: found}


def attack_here(attacks: list[Attack]) -> dict[str, Findings]:
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
                    _attack_own(start, kind, policy, settings, facts, attacks, columns[f"{kind.level}, {policy}"])
    return columns


class Kind(NamedTuple):
    """One way to run the service."""

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
    attacks: list[Attack],
    found: Findings,
) -> None:
    user = kind.user or os.geteuid()
    name = f"{kind.level}, {kind.mode}, as {f'user {user}' if user else 'root'}, {policy}"
    server = start_at_level(start, kind.level, kind.mode, user=kind.user, **settings)
    health = requests.get(f"{server.url}/health", timeout=60).json()
    if health.get("isolation") != kind.level:
        found.left_out[f"{name}: cannot be had here, {health}"].add("every attack")
    else:
        print(f"Attacking: {name}", file=sys.stderr)
        attack_service(server, name, health, facts | {"service_pid": server.process.pid}, attacks, found)
    try:
        server.stop()
    except AssertionError as error:
        found.through.append(f"The server did not end well ({name}): {error}"[:_SHOWN_CHARACTERS])


def report(columns: dict[str, Findings]) -> str:
    """Return the table and the lists, in Markdown."""
    lines = [f"| category | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for title, categories in (*((one, (one,)) for one in CATEGORIES), ("all", CATEGORIES)):
        lines.append(f"| {title} | {' | '.join(found.cell(categories) for found in columns.values())} |")
    swept = " | ".join(", ".join(sorted(found.reachable)) for found in columns.values())
    lines += [f"| reachable system calls | {swept} |", ""]
    lines.append("Held of tried; of those that held, how many the policy refused before they ran.")
    for column, found in columns.items():
        lines.append(f"- {column}: {len(found.services)} services: {'; '.join(found.services)}")
    through = [sentence for found in columns.values() for sentence in found.through]
    lines += ["", f"Got through: {len(through) or 'nothing'}", *(f"- {sentence}" for sentence in through)]
    for title, lists in (
        ("Got through as SECURITY.md says", [found.limitations for found in columns.values()]),
        ("Left out, for want of", [found.left_out for found in columns.values()]),
    ):
        together: dict[str, set[str]] = defaultdict(set)
        for one in lists:
            for why, names in one.items():
                together[why] |= names
        if together:
            lines += ["", f"{title}:", *(f"- {why}: {', '.join(sorted(names))}" for why, names in together.items())]
    return "\n".join(lines)


def main() -> int:
    """Attack, print the report, and return the status to end with."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack_suite", description="Attack the service.")
    parser.add_argument("--url", help="of a service that runs")
    parser.add_argument("--category", action="append", choices=CATEGORIES, help="only these, instead of all")
    options = parser.parse_args()
    attacks = [attack for attack in ATTACKS if attack.category in (options.category or CATEGORIES)]
    try:
        columns = attack_url(options.url, attacks) if options.url else attack_here(attacks)
    except CannotAttackError as error:
        print(error, file=sys.stderr)
        return 2
    print(report(columns))
    return 1 if any(found.through for found in columns.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
