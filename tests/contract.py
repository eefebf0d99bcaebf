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
    """Return every code that can be in an answer: how scripts end, what the policy says, what the service says."""
    service = "".join(file.read_text() for file in (ROOT / "main.py", *(ROOT / "service").glob("*.py")))
    policy = "".join(file.read_text() for file in (ROOT / "policy").glob("*.py"))
    of_service = set(re.findall(r'\b(?:error_document|BadRequest)\(\s*"(\w+)"', service))
    of_policy = set(re.findall(r'(?:\bReport\(\s*|\breturn )"(\w+)",', policy))
    return {end.value for end in End if end is not End.RETURNED} | of_service | of_policy
