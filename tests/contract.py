"""The codes of the HTTP contract: as docs/api.md lists them, and as the code has them."""

import re

from sandbox import End
from tests.conftest import ROOT
from tests.documents import API, rows

# By status, from the table.
CODES: dict[int, set[str]] = {}
for _status, _code, _ in rows(API, "Errors"):
    CODES.setdefault(int(_status), set()).add(_code.strip("`"))


def codes_in_the_code() -> set[str]:
    """Return every code that an answer can have, from the ends of scripts, the policy and the service."""
    service = "".join(file.read_text() for file in (ROOT / "main.py", *(ROOT / "service").glob("*.py")))
    policy = "".join(file.read_text() for file in (ROOT / "policy").glob("*.py"))
    of_service = set(re.findall(r'\b(?:error_document|BadRequest)\(\s*"(\w+)"', service))
    of_policy = set(re.findall(r'(?:\bReport\(\s*|\breturn )"(\w+)",', policy))
    return {end.value for end in End if end is not End.RETURNED} | of_service | of_policy
