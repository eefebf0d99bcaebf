"""The verdicts on attacks, and the table of them that `make attack` prints."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from enum import Enum

from tests.attacking import CATEGORIES


class Verdict(Enum):
    """The verdict on one attack."""

    HELD = "it did not get through"
    REFUSED = "the policy refused it before it ran"
    LIMITATION = "it got through, as SECURITY.md says"
    THROUGH = "it got through, or its outcome is none of those that it may have"


@dataclass
class Findings:
    """The findings for the services of one column of the table.

    Attributes:
        services: a description of each service that was attacked.
        verdicts: how often each verdict was given, by category.
        through: a line for each attack that got through, with its answer.
        limitations: the attacks that got through as SECURITY.md says, by its words.
        left_out: the attacks that were not tried, by what they need.
        reachable: the result of each sweep, in a word or two.
    """

    services: list[str] = field(default_factory=list)
    verdicts: dict[str, Counter[Verdict]] = field(default_factory=lambda: defaultdict(Counter))
    through: list[str] = field(default_factory=list)
    limitations: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    left_out: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    reachable: set[str] = field(default_factory=set)

    def cell(self, categories: tuple[str, ...]) -> str:
        """Return the table's cell for some categories."""
        count = sum((self.verdicts.get(category, Counter()) for category in categories), Counter[Verdict]())
        held = count[Verdict.HELD] + count[Verdict.REFUSED]
        refused = f", {count[Verdict.REFUSED]} refused" if count[Verdict.REFUSED] else ""
        return f"{held}/{held + count[Verdict.THROUGH]}{refused}"


def report(columns: dict[str, Findings]) -> str:
    """Return the table and the lists, in Markdown."""
    lines = [f"| category | {' | '.join(columns)} |", f"| --- |{' --- |' * len(columns)}"]
    tried = [one for one in CATEGORIES if any(one in found.verdicts for found in columns.values())]
    for title, categories in (*((one, (one,)) for one in tried), ("all", CATEGORIES)):
        lines.append(f"| {title} | {' | '.join(found.cell(categories) for found in columns.values())} |")
    swept = " | ".join(", ".join(sorted(found.reachable)) for found in columns.values())
    lines += [f"| reachable system calls | {swept} |", ""]
    lines.append("Each cell: attacks that held / attacks tried; of those that held, how many the policy refused.")
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
