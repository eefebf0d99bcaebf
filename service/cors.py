"""Cross-origin requests: which pages may call the service from a browser; see https://fetch.spec.whatwg.org/#cors."""

from collections.abc import Collection, Sequence

import flask

_PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "3600",
}


class Cors:
    """The origins whose pages may call the service; without any, the service knows nothing of CORS."""

    def __init__(self, origins: Collection[str]) -> None:
        """Take the origins, as browsers send them."""
        self._origins = origins

    def allows(self, request: flask.Request) -> bool:
        """Return whether a request comes from a page that may send it."""
        return request.headers.get("Origin", "") in self._origins

    def methods(self, methods: Sequence[str]) -> tuple[str, ...]:
        """Return the methods that a path takes, with that of the preflight request if there are origins."""
        return (*methods, "OPTIONS") if self._origins else tuple(methods)

    def preflight_headers(self, methods: Sequence[str]) -> dict[str, str]:
        """Return the headers that answer a preflight request for a path with these methods."""
        return {"Access-Control-Allow-Methods": ", ".join(methods), **_PREFLIGHT}

    def headers(self, request: flask.Request) -> dict[str, str]:
        """Return the headers that every response to a request gets."""
        if not self._origins:
            return {}
        if not self.allows(request):
            return {"Vary": "Origin"}
        return {
            "Vary": "Origin",
            "Access-Control-Allow-Origin": request.headers["Origin"],
            "Access-Control-Expose-Headers": "Retry-After",
        }
