"""Reads what a client sends: the body within its bounds, and `POST /execute` field by field."""

import io
import math
import re
from dataclasses import dataclass
from itertools import islice
from typing import IO, Any, TypeVar

import msgspec
from gunicorn.http.errors import ParseException  # type: ignore[import-untyped]

from sandbox.limits import KB, MB

Value = TypeVar("Value")

_FIELDS = ("script", "args", "timeout")
# Every field stays JSON text until its own check, so that each wrong one gets its own sentence. If a field is given
# twice, the last one counts, as in Python's json.
_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_script = msgspec.json.Decoder(str)
# The script's process decodes what is in it: a number of a million digits takes minutes.
_args = msgspec.json.Decoder(dict[str, msgspec.Raw])
_timeout = msgspec.json.Decoder(float)

# An escape; the group has a surrogate without its other half.
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|(u[dD][89a-fA-F][\da-fA-F]{2})|.)")
# A float that is too large has an exponent that is not negative, or at least 309 digits, which fill a whole block.
_EXPONENT = re.compile(rb"[eE]\+?\d")
_BLOCK = 154
_STRING_OR_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*+"|(-?\d++(?:\.\d++)?(?:[eE][+-]?\d++)?)')
_SHOWN_DIGITS = 40
_SHOWN_FIELDS = 10
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_PLACE = re.compile(r"\(byte (\d+)\)$")
# Numbers in Python and JavaScript, but not in JSON.
_NO_NUMBER = re.compile(r"(NaN|Infinity)\b")


class BadRequest(Exception):
    """The request is not as it should be; the message is a sentence for the client.

    Attributes:
        code: `invalid_json`, `invalid_request`, `payload_too_large` or `unsupported_media_type`.
    """

    def __init__(self, code: str, sentence: str) -> None:
        """Take the code of the HTTP contract and the sentence that explains it."""
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True, slots=True)
class ExecuteRequest:
    """A request to run a script.

    Attributes:
        script: its source.
        args: a JSON object as text (UTF-8): the keyword arguments for `main`.
        timeout_seconds: the wall clock it may use.
    """

    script: str
    args: bytes
    timeout_seconds: float


def take_body(environ: dict[str, Any]) -> IO[bytes]:
    """Take the body's stream out of a WSGI environment and leave an empty one.

    functions-framework's own `read_request`, which runs after the service, reads the rest of the body without a bound.
    So nothing may be left there.
    """
    stream: IO[bytes] = environ["wsgi.input"]
    environ["wsgi.input"] = io.BytesIO()
    environ["wsgi.input_terminated"] = True
    return stream


def read_body(environ: dict[str, Any], stream: IO[bytes], max_bytes: int) -> bytes:
    """Read a request's body from the stream that `take_body` returned.

    Raises:
        BadRequest: `payload_too_large` above `max_bytes`, before anything is read if the length is declared;
            `unsupported_media_type` if it is compressed on its way; `invalid_request` if it ends early, arrives too
            slowly, or has broken chunks.
    """
    # gunicorn has checked that this is a number and that no Transfer-Encoding contradicts it.
    declared = environ.get("CONTENT_LENGTH")
    coding = environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if coding not in ("", "chunked"):
        raise BadRequest("unsupported_media_type", "The only Transfer-Encoding that is taken is chunked.")
    if not declared and not coding:
        return b""
    length = int(declared) if declared else max_bytes + 1
    if declared and length > max_bytes:
        raise _too_large(max_bytes)
    try:
        body = stream.read(length)
    except TimeoutError as error:
        raise BadRequest("invalid_request", "The request body came too slowly.") from error
    except (OSError, ParseException) as error:
        raise BadRequest("invalid_request", "The request body is not valid HTTP.") from error
    if len(body) > max_bytes:
        raise _too_large(max_bytes)
    if declared and len(body) < length:
        raise BadRequest("invalid_request", f"The request body ended after {len(body)} of {length} bytes.")
    return body


def _too_large(max_bytes: int) -> BadRequest:
    return BadRequest("payload_too_large", f"The request body is longer than {max_bytes / MB:g} MB.")


def check_media_type(mimetype: str, parameters: dict[str, str], encoding: str) -> None:
    """Check that a body is plain JSON.

    Args:
        mimetype, parameters: the Content-Type, in lower case, and its parameters.
        encoding: the Content-Encoding, empty if there is none.

    Raises:
        BadRequest: `unsupported_media_type`.
    """
    if mimetype != "application/json":
        raise BadRequest("unsupported_media_type", "The Content-Type must be application/json.")
    if parameters.get("charset", "utf-8").lower() != "utf-8":
        raise BadRequest("unsupported_media_type", "JSON is sent in UTF-8; leave the charset out.")
    if encoding.lower() not in ("", "identity"):
        raise BadRequest("unsupported_media_type", "The body must not be compressed (Content-Encoding).")


def parse_execute(body: bytes, max_script_bytes: int, max_timeout_seconds: float) -> ExecuteRequest:
    """Check the body of `POST /execute`.

    A text that is not JSON is `invalid_json`; JSON with the wrong content, such as a list, is `invalid_request`.

    Args:
        body: as it arrived.
        max_script_bytes: the longest script accepted, in UTF-8.
        max_timeout_seconds: the highest timeout, and the one of a request that gives none.

    Raises:
        BadRequest: `invalid_json` or `invalid_request`, with a sentence that names the field.
    """
    fields = _parse_object(body)
    unknown = list(islice((name for name in fields if name not in _FIELDS), _SHOWN_FIELDS))
    if unknown:
        names = ", ".join(repr(name[:40]) for name in sorted(unknown))
        raise BadRequest("invalid_request", f"There is no field {names}; the fields are {', '.join(_FIELDS)}.")
    if "script" not in fields:
        raise BadRequest("invalid_request", "The field 'script' is missing: a string with Python source.")
    script = _parse_field(_script, fields["script"], "'script' must be a string.")
    if len(script.encode()) > max_script_bytes:
        raise BadRequest("invalid_request", f"'script' is longer than {max_script_bytes / KB:g} KB.")
    args = b"{}"
    if "args" in fields:
        _parse_field(_args, fields["args"], "'args' must be an object: the keyword arguments for main().")
        args = bytes(fields["args"])
        _refuse_too_large(args, "args")
    timeout_seconds = max_timeout_seconds
    if "timeout" in fields:
        sentence = f"'timeout' must be a number of seconds above 0, at most {max_timeout_seconds:g}."
        _refuse_too_large(bytes(fields["timeout"]), "timeout")
        timeout_seconds = _parse_field(_timeout, fields["timeout"], sentence)
        if not 0 < timeout_seconds <= max_timeout_seconds:
            raise BadRequest("invalid_request", sentence)
    return ExecuteRequest(script, args, timeout_seconds)


def _parse_object(body: bytes) -> dict[str, msgspec.Raw]:
    """Split a JSON object into its fields, each still text."""
    if not body:
        raise BadRequest("invalid_json", "The body is empty: it must be a JSON object.")
    try:
        return _fields.decode(body.decode())
    except UnicodeDecodeError as error:
        raise BadRequest("invalid_json", f"The body is not UTF-8: byte {error.start} is wrong.") from error
    except msgspec.ValidationError as error:
        raise BadRequest("invalid_request", "The body must be a JSON object.") from error
    except msgspec.DecodeError as error:
        raise BadRequest("invalid_json", f"The body is not JSON: {_why_not_json(body, error)}.") from error
    except RecursionError as error:
        raise BadRequest("invalid_request", "The body is nested too deeply.") from error


def _why_not_json(body: bytes, error: msgspec.DecodeError) -> str:
    if lone := next(filter(None, (found[1] for found in _ESCAPE.finditer(body.decode()))), None):
        return f"\\{lone} is a lone surrogate, half of a character"
    if body.startswith(_BYTE_ORDER_MARK):
        return "it begins with a byte order mark (U+FEFF); leave it out"
    if place := _PLACE.search(str(error)):
        at = int(place[1])
        if body[at : at + 1] < b" ":
            return f"byte {at} is a control character; in a text a line break is written \\n, a tab \\t"
        if found := _NO_NUMBER.match(body[at : at + 10].decode(errors="replace")):
            return f"{found[0]} (byte {at}) is no number in JSON; send null"
    return str(error)


def _refuse_too_large(text: bytes, field: str) -> None:
    """Refuse a number with a fraction or an exponent that no float can hold: Python would turn it into infinity."""
    blocks = range(0, len(text), _BLOCK)
    if not _EXPONENT.search(text) and not any(text[at : at + _BLOCK].isdigit() for at in blocks):
        return
    for found in _STRING_OR_NUMBER.finditer(text):
        number = found[1]
        if number and not number.lstrip(b"-").isdigit() and math.isinf(float(number)):
            shown = number.decode() if len(number) <= _SHOWN_DIGITS else f"{number[:_SHOWN_DIGITS].decode()}…"
            raise BadRequest("invalid_request", f"'{field}' has the number {shown}, which is too large for a float.")


def _parse_field(decoder: msgspec.json.Decoder[Value], text: msgspec.Raw, sentence: str) -> Value:
    """Decode one field; `sentence` says what it must be."""
    try:
        return decoder.decode(text)
    except msgspec.DecodeError as error:
        reason = "" if str(error).startswith("Expected") else f" {error}."
        raise BadRequest("invalid_request", sentence + reason) from error
    except RecursionError as error:
        raise BadRequest("invalid_request", f"{sentence} It is nested too deeply.") from error
