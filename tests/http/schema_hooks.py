"""What schemathesis is told besides the document: scripts that are scripts, and what every answer has to be.

A string that is made at random is never a script with a `main`. So half of the valid requests are given one that is,
made of expressions that end in every way that a script can. Nor is a request likely to be too large by chance, so some
of the wrong ones are.
"""

import json
import sys
from typing import Any, TypeAlias

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, Response
from schemathesis.checks import CheckContext
from schemathesis.generation import GenerationMode
from schemathesis.hooks import HookContext

from sandbox import Limits
from tests.contract import CODES

# A result may have integers of any size.
sys.set_int_max_str_digits(0)

AnyCase: TypeAlias = Case[Any]

_LIMITS = Limits()
# JSON writes one byte as six characters at the most (\u0000). Beyond the result and the streams there are an error of
# 8K characters, a traceback of 32K, or a hundred violations.
_MOST_BYTES = _LIMITS.result_bytes + 6 * (_LIMITS.stdout_bytes + _LIMITS.stderr_bytes) + 6 * 2**17

# More than SANDBOX_REQUEST_MB.
_TOO_LARGE = 2 * 2**20

_EXPRESSIONS = (
    "None",
    "10 ** 5000",
    "-0.0",
    "1e308 * 10",
    "float('nan')",
    "'\\ud800'",
    "'\\x00' * 1000",
    "b'bytes'",
    "{1, 2}",
    "{1: 2, '1': 3}",
    "{(1, 2): 3}",
    "'x' * (5 * 2 ** 20)",
    "print('\\x00' * 2 ** 20)",
    "sys.stderr.buffer.write(b'\\xff' * 2 ** 20 * 2)",
    "1 / 0",
    "[][1]",
    "sys.exit('because')",
    "sys.exit(2 ** 70)",
    "bytearray(2 ** 40)",
    "open('/etc/passwd').read()",
    "[open(f'{n}', 'w') for n in range(1000)]",
    "(_ for _ in ()).throw(ValueError('\\udfff\\n\\x00'))",
    "(lambda f: f(f))(lambda f: f(f))",
    "time.sleep(60)",
    "[None for _ in iter(int, 1)]",
    "pd.DataFrame({'a': [1, None], 'b': ['x', pd.Timestamp(0)]})",
    "np.arange(10 ** 6)",
    "args",
)
_values = st.recursive(
    st.sampled_from(_EXPRESSIONS) | (st.text(max_size=20) | st.integers() | st.floats()).map(repr),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]")
        | st.lists(inner, max_size=3).map(lambda items: f"dict(enumerate([{', '.join(items)}]))")
        | st.tuples(inner, inner).map(lambda pair: f"[{pair[0]}, {pair[1]}][0]")
    ),
    max_leaves=4,
)
_SCRIPT = """
import sys, time
import numpy as np, pandas as pd

{how} main(**args):
    print({printed!r})
    {word} {value}
"""
_scripts = st.builds(
    _SCRIPT.format,
    how=st.sampled_from(["def", "async def"]),
    printed=st.text(max_size=20),
    word=st.sampled_from(["return", "yield"]),
    value=_values,
)


@schemathesis.hook
def flatmap_case(context: HookContext, case: AnyCase) -> st.SearchStrategy[AnyCase]:
    """Put a script that runs into half of the valid requests to run one, and one that is too large into some others."""
    body = case.body
    valid = case.meta is not None and case.meta.generation.mode == GenerationMode.POSITIVE
    if case.path != "/execute" or not isinstance(body, dict):
        return st.just(case)

    def with_script(script: str) -> AnyCase:
        case.body = {**body, "script": script, "timeout": 0.3}
        return case

    if not valid:
        return st.integers(0, 3).map(lambda one: case if one else with_script(" " * _TOO_LARGE))
    return st.just(case) | _scripts.map(with_script)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    assert len(set(names)) == len(names), f"a name twice: {names}"
    return dict(pairs)


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is not JSON")


@schemathesis.check
def answer_is_one_of_the_contract(ctx: CheckContext, response: Response, case: AnyCase) -> None:
    """Check what a schema cannot say: strict JSON, one code for one status, within bounds, and nothing that failed."""
    assert response.status_code != 500, "the service failed"
    assert response.content_size <= _MOST_BYTES, response.content_size
    if case.method == "HEAD" or response.status_code == 204:
        assert response.content_size == 0
        return
    document = json.loads(response.content, object_pairs_hook=_unique, parse_constant=_no_constant)
    health = case.path == "/health" and response.status_code == 503
    if response.status_code == 200 or health:
        assert "code" not in document
    else:
        assert document["code"] in CODES[response.status_code], document["code"]
    if response.status_code in {429, 503}:
        assert int(response.headers["retry-after"][0]) >= 1
