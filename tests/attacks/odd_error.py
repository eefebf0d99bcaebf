# expects: script_error
# category: results
# control: any
# case surrogate (results): {"text": "~"}
# case nul (results): {"text": "\u0000"}
# case long (results): {"text": "x", "times": 1000000}
# case lines (results): {"text": "HTTP/1.1 200 OK\r\n\r\n"}
# case markup (results): {"text": "<script>alert(1)</script>"}
"""Raise an error whose message may break what tells of it; `~` in it is a lone surrogate."""


def main(text, times=1, **_):
    if text:
        raise ValueError(text.replace("~", "\ud800") * times)
    return 1
