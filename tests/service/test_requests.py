import io
import json
import time
from typing import Any

import pytest

from service.requests import BadRequest, ExecuteRequest, check_media_type, parse_execute, read_body, take_body

MAX_SCRIPT_BYTES = 64
MAX_SECONDS = 10.0


def parse(body: bytes) -> ExecuteRequest:
    return parse_execute(body, MAX_SCRIPT_BYTES, MAX_SECONDS)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"script": "x"}', ExecuteRequest("x", b"{}", 10.0)),
        (b' {"script":\t""}\r\n', ExecuteRequest("", b"{}", 10.0)),
        (b'{"script": "x", "args": {"n": [1e3, "\xc3\xa9"]}}', ExecuteRequest("x", b'{"n": [1e3, "\xc3\xa9"]}', 10.0)),
        (b'{"script": "x", "args": {"n": %s}}' % (b"9" * 400), ExecuteRequest("x", b'{"n": %s}' % (b"9" * 400), 10.0)),
        (
            b'{"script": "x", "args": {"n": %s}}' % (b"9" * 5000),
            ExecuteRequest("x", b'{"n": %s}' % (b"9" * 5000), 10.0),
        ),
        (b'{"script": "x", "args": {"n": 1e308}}', ExecuteRequest("x", b'{"n": 1e308}', 10.0)),
        (b'{"script": "x", "args": {"n": 1e-999}}', ExecuteRequest("x", b'{"n": 1e-999}', 10.0)),
        (b'{"script": "x", "args": {"1e999": "1e999"}}', ExecuteRequest("x", b'{"1e999": "1e999"}', 10.0)),
        (
            b'{"script": "x", "args": {"s": "%s"}}' % (b"9" * 400),
            ExecuteRequest("x", b'{"s": "%s"}' % (b"9" * 400), 10.0),
        ),
        (b'{"script": "x", "timeout": 1}', ExecuteRequest("x", b"{}", 1.0)),
        (b'{"script": "x", "timeout": 10.0}', ExecuteRequest("x", b"{}", 10.0)),
        (b'{"script": "x", "timeout": 1e-3}', ExecuteRequest("x", b"{}", 0.001)),
        (b'{"script": "first", "script": "last"}', ExecuteRequest("last", b"{}", 10.0)),
        (b'{"script": "a\\u0000b"}', ExecuteRequest("a\0b", b"{}", 10.0)),
        (b'{"script": "%s"}' % (b"x" * MAX_SCRIPT_BYTES), ExecuteRequest("x" * MAX_SCRIPT_BYTES, b"{}", 10.0)),
    ],
)
def test_request_is_read(body: bytes, expected: ExecuteRequest) -> None:
    assert parse(body) == expected


TIMEOUT = "'timeout' must be a number of seconds above 0, at most 10."
ARGS = "'args' must be an object: the keyword arguments for main()."
OBJECT = "The body must be a JSON object."
LONE = "The body is not JSON: \\%s is a lone surrogate, half of a character."
TOO_LARGE = "'%s' has the number %s, which is too large for a float."


@pytest.mark.parametrize(
    ("body", "code", "sentence"),
    [
        (b"", "invalid_json", "The body is empty: it must be a JSON object."),
        (b"{", "invalid_json", "The body is not JSON: Input data was truncated."),
        (b'{"script": "x"} {}', "invalid_json", None),
        (b'{"script": "x",}', "invalid_json", None),
        (b"{'script': 'x'}", "invalid_json", None),
        (b'{"script": "x", "args": {"n": NaN}}', "invalid_json", None),
        (b'{"script": "a\nb"}', "invalid_json", None),
        (b'{"script": "a\\ud800b, and more"}', "invalid_json", LONE % "ud800"),
        (b'{"script": "x", "args": {"s": "\\\\ud800 \\ud83d\\ude00 \\uDEAD"}}', "invalid_json", LONE % "uDEAD"),
        (b'{"script": "\\ud83d"}', "invalid_json", LONE % "ud83d"),
        (b'\xef\xbb\xbf{"script": "x"}', "invalid_json", None),
        (b'{"script": "\xff"}', "invalid_json", "The body is not UTF-8: byte 12 is wrong."),
        (b'{"script": "\xed\xa0\x80"}', "invalid_json", "The body is not UTF-8: byte 12 is wrong."),
        ('{"script": "x"}'.encode("utf-16"), "invalid_json", "The body is not UTF-8: byte 0 is wrong."),
        (b"[]", "invalid_request", OBJECT),
        (b"null", "invalid_request", OBJECT),
        (b'"script"', "invalid_request", OBJECT),
        (b"{}", "invalid_request", "The field 'script' is missing: a string with Python source."),
        (b'{"script": null}', "invalid_request", "'script' must be a string."),
        (b'{"script": ["x"]}', "invalid_request", "'script' must be a string."),
        (b'{"script": "%s"}' % (b"x" * 65), "invalid_request", "'script' is longer than 0.0625 KB."),
        (b'{"script": "%s"}' % ("é".encode() * 33), "invalid_request", "'script' is longer than 0.0625 KB."),
        (b'{"script": "x", "args": null}', "invalid_request", ARGS),
        (b'{"script": "x", "args": []}', "invalid_request", ARGS),
        (b'{"script": "x", "args": {"n": 1e999}}', "invalid_request", TOO_LARGE % ("args", "1e999")),
        (
            b'{"script": "x", "args": {"n": ["a\\"", [-1.5E+400]]}}',
            "invalid_request",
            TOO_LARGE % ("args", "-1.5E+400"),
        ),
        (
            b'{"script": "x", "args": {"n": %s.5}}' % (b"9" * 309),
            "invalid_request",
            TOO_LARGE % ("args", "9" * 40 + "…"),
        ),
        (b'{"script": "x", "args": {"n": %se9}}' % (b"9" * 300), "invalid_request", None),
        (b'{"script": "x", "timeout": 0}', "invalid_request", TIMEOUT),
        (b'{"script": "x", "timeout": -1}', "invalid_request", TIMEOUT),
        (b'{"script": "x", "timeout": 10.001}', "invalid_request", TIMEOUT),
        (b'{"script": "x", "timeout": true}', "invalid_request", TIMEOUT),
        (b'{"script": "x", "timeout": "5"}', "invalid_request", TIMEOUT),
        (b'{"script": "x", "timeout": null}', "invalid_request", TIMEOUT),
        (b'{"script": "x", "timeout": 1e400}', "invalid_request", TOO_LARGE % ("timeout", "1e400")),
        (
            b'{"script": "x", "b": 1, "Script": 2}',
            "invalid_request",
            "There is no field 'Script', 'b'; the fields are script, args, timeout.",
        ),
        (b'{"script": "x", "args": %s}' % (b'{"a":' * 50000 + b"1" + b"}" * 50000), "invalid_request", None),
        (b"[" * 50000, "invalid_request", None),
    ],
)
def test_wrong_request_is_refused_with_a_sentence(body: bytes, code: str, sentence: str | None) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(body)
    assert caught.value.code == code
    if sentence is not None:
        assert str(caught.value) == sentence


def test_unknown_fields_are_named_in_bounded_space() -> None:
    body = json.dumps({f"{number}{'x' * 1000}": 1 for number in range(1000)}).encode()
    with pytest.raises(BadRequest) as caught:
        parse(body)
    assert len(str(caught.value)) < 600


def environ(body: bytes, **more: Any) -> dict[str, Any]:
    return {"wsgi.input": io.BytesIO(body), **more}


@pytest.mark.parametrize(
    ("body", "more", "expected"),
    [
        (b"12345", {"CONTENT_LENGTH": "5"}, b"12345"),
        (b"12345rest", {"CONTENT_LENGTH": "5"}, b"12345"),
        (b"12345", {"HTTP_TRANSFER_ENCODING": "Chunked"}, b"12345"),
        (b"no length", {}, b""),
    ],
)
def test_body_is_read_within_its_length(body: bytes, more: dict[str, str], expected: bytes) -> None:
    request = environ(body, **more)
    assert read_body(request, take_body(request), max_bytes=5) == expected
    assert request["wsgi.input"].read() == b""


@pytest.mark.parametrize(
    ("body", "more", "code"),
    [
        (b"123456", {"CONTENT_LENGTH": "6"}, "payload_too_large"),
        (b"", {"CONTENT_LENGTH": "9" * 1000}, "payload_too_large"),
        (b"123456", {"HTTP_TRANSFER_ENCODING": "chunked"}, "payload_too_large"),
        (b"1234", {"CONTENT_LENGTH": "5"}, "invalid_request"),
        (b"12345", {"HTTP_TRANSFER_ENCODING": "gzip, chunked"}, "unsupported_media_type"),
        (b"12345", {"HTTP_TRANSFER_ENCODING": "identity, chunked"}, "unsupported_media_type"),
    ],
)
def test_body_that_is_not_as_it_should_be_is_refused(body: bytes, more: dict[str, str], code: str) -> None:
    request = environ(body, **more)
    with pytest.raises(BadRequest) as caught:
        read_body(request, take_body(request), max_bytes=5)
    assert caught.value.code == code


def test_declared_length_is_refused_before_anything_is_read() -> None:
    stream = io.BytesIO(b"x" * 100)
    with pytest.raises(BadRequest):
        read_body({"CONTENT_LENGTH": "100"}, stream, max_bytes=99)
    assert stream.tell() == 0


@pytest.mark.parametrize(
    ("mimetype", "parameters", "encoding", "accepted"),
    [
        ("application/json", {}, "", True),
        ("application/json", {"charset": "UTF-8"}, "identity", True),
        ("application/json", {"charset": "latin-1"}, "", False),
        ("application/json", {}, "gzip", False),
        ("application/jsonp", {}, "", False),
        ("text/plain", {}, "", False),
        ("", {}, "", False),
    ],
)
def test_only_plain_json_is_accepted(mimetype: str, parameters: dict[str, str], encoding: str, accepted: bool) -> None:
    if accepted:
        check_media_type(mimetype, parameters, encoding)
        return
    with pytest.raises(BadRequest) as caught:
        check_media_type(mimetype, parameters, encoding)
    assert caught.value.code == "unsupported_media_type"


def test_numbers_of_a_million_digits_take_no_time() -> None:
    body = b'{"script": "x", "args": {"n": %s, "m": [0.%s]}}' % (b"9" * 10**6, b"9" * 10**6)
    started = time.process_time()
    parse(body)
    assert time.process_time() - started < 0.5
