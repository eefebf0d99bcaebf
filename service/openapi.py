"""The HTTP contract as an OpenAPI document: `openapi.json`, with the limits of this service's settings."""

from pathlib import Path
from typing import Any

import msgspec

from service.settings import Settings

_FILE = Path(__file__).with_name("openapi.json")


def load_openapi(settings: Settings) -> dict[str, Any]:
    """Return the document, with the limits of these settings in its schemas.

    JSON Schema counts characters and the settings count bytes of UTF-8. No text has more characters than bytes.
    """
    document: dict[str, Any] = msgspec.json.decode(_FILE.read_bytes())
    schemas = document["components"]["schemas"]
    fields = schemas["Script"]["properties"]
    fields["script"]["maxLength"] = settings.script_bytes
    # As in the file, a whole number has no fraction.
    seconds = settings.limits.timeout_seconds
    fields["timeout"]["maximum"] = int(seconds) if seconds.is_integer() else seconds
    schemas["Stdout"]["maxLength"] = settings.limits.stdout_bytes
    schemas["Stderr"]["maxLength"] = settings.limits.stderr_bytes
    return document
