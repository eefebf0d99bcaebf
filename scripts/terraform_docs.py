"""The tables of terraform/README.md, made from the configuration: `make terraform-docs` writes them."""

import re
from pathlib import Path

TERRAFORM = Path(__file__).parent.parent / "terraform"
README = TERRAFORM / "README.md"
BETWEEN = re.compile(r"(?<=<!-- inputs and outputs -->\n).*(?=<!-- /inputs and outputs -->)", re.DOTALL)
_BLOCK = re.compile(r'^(variable|output) "(\w+)" \{\n(.+?)^\}', re.MULTILINE | re.DOTALL)


def blocks(kind: str, *files: str) -> dict[str, str]:
    """Return the text of each variable or output, by name."""
    found = {}
    for file in files:
        for kind_found, name, text in _BLOCK.findall((TERRAFORM / file).read_text()):
            if kind_found == kind:
                found[name] = text
    return found


def attribute(block: str, name: str) -> str:
    """Return the first line of an attribute's value, empty if there is none."""
    found = re.search(rf"^  {name}\s+= (.+)$", block, re.MULTILINE)
    return found[1] if found else ""


def tables() -> str:
    """Return the tables, in Markdown."""
    lines = ["## Inputs\n\n| variable | type | default | |\n| --- | --- | --- | --- |\n"]
    for name, block in blocks("variable", "variables.tf", "settings.tf").items():
        kind = attribute(block, "type").removesuffix("({")
        default = attribute(block, "default")
        shown = f"`{default}`" if default else "required"
        lines.append(f"| `{name}` | {kind} | {shown} | {attribute(block, 'description').strip(chr(34))} |\n")
    lines.append("\n## Outputs\n\n| output | |\n| --- | --- |\n")
    for name, block in blocks("output", "outputs.tf").items():
        lines.append(f"| `{name}` | {attribute(block, 'description').strip(chr(34))} |\n")
    return "".join(lines)


if __name__ == "__main__":
    README.write_text(BETWEEN.sub(lambda _: tables(), README.read_text()))
