"""The documents as tests read them: their sections, tables and fenced blocks."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

FILES = sorted([*ROOT.glob("*.md"), *ROOT.glob("[!.]*/*.md")])
README, SECURITY = ROOT / "README.md", ROOT / "SECURITY.md"
API, OPERATING, HOW = (ROOT / "docs" / name for name in ("api.md", "operating.md", "how-it-works.md"))

_BLOCK = re.compile(r"(?:<!-- ([a-z]+) -->\n)?^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block.

    Attributes:
        file: the document.
        marker: the word in the comment right above it, which says how a test runs it; empty if there is none.
        language: the word after the fence.
        text: what is in it.
    """

    file: Path
    marker: str
    language: str
    text: str

    def commands(self) -> list[str]:
        """Return the commands of a shell block without comments; a command over several lines becomes one line."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [command for line in lines if (command := re.sub(r"(^|\s)# .*", "", line).strip())]


def blocks(file: Path) -> list[Block]:
    """Return a document's blocks, in their order."""
    return [Block(file, *found.groups("")) for found in _BLOCK.finditer(file.read_text())]


def marked(marker: str) -> list[tuple[Block, Block]]:
    """Return every block with a marker, each with the block after it, which shows its result."""
    found = []
    for file in FILES:
        every = [*blocks(file), Block(file, "", "", "")]
        found += [(block, after) for block, after in pairwise(every) if block.marker == marker]
    return found


def section(file: Path, title: str) -> str:
    """Return the text under a heading of any depth, up to the next heading."""
    [(_, text)] = re.findall(rf"^(#+) {re.escape(title)}\n(.*?)(?=^#+ |\Z)", file.read_text(), re.MULTILINE | re.DOTALL)
    return str(text)


def rows(file: Path, title: str) -> list[list[str]]:
    """Return the rows of a section's tables as lists of cells, without the heads."""
    lines = [line for line in section(file, title).splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]
    heads = [number - 1 for number, row in enumerate(cells) if set(row[0]) <= {"-", " "}]
    return [row for number, row in enumerate(cells) if number not in heads and number - 1 not in heads]


# Each command, and what it prints.
EXAMPLES = [(block.text, after.text) for block, after in marked("example")]


def without_measurements(answer: dict[str, Any]) -> dict[str, Any]:
    """Replace the values that differ from run to run by their types."""
    if "usage" in answer:
        answer["usage"] = {name: type(value) for name, value in answer["usage"].items()}
    return answer
