"""Cross-origin resource sharing: which web pages may call the service, see https://fetch.spec.whatwg.org/#http-cors-protocol."""

from collections.abc import Sequence

_PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "3600",
}


class Cors:
    """The web origins whose pages may call the service; without any, no response has a header of this protocol."""

    def __init__(self, origins: frozenset[str]) -> None:
        """Take the origins, as browsers send them."""
        self._origins = origins

    def __bool__(self) -> bool:
        """Return whether any page may call the service."""
        return bool(self._origins)

    def preflight(self, origin: str, methods: Sequence[str]) -> dict[str, str] | None:
        """Return the headers that answer a preflight request (OPTIONS); None if this origin's pages may not call.

        Args:
            origin: the request's `Origin`, empty if it has none.
            methods: what the path takes.
        """
        if origin not in self._origins:
            return None
        return {"Access-Control-Allow-Methods": ", ".join(methods), **_PREFLIGHT}

    def headers(self, origin: str) -> dict[str, str]:
        """Return the headers that every response to a request from this origin has."""
        if not self._origins:
            return {}
        # What a cache keeps for one origin is not for another.
        headers = {"Vary": "Origin"}
        if origin in self._origins:
            headers |= {"Access-Control-Allow-Origin": origin, "Access-Control-Expose-Headers": "Retry-After"}
        return headers
