"""What schemathesis has to be told of our bodies: how a text in TOML is sent."""

import json
from typing import Any

import schemathesis


@schemathesis.serializer("application/toml")
def toml(_: Any, value: Any) -> bytes:
    """The text as it is; what is none (a negative case) as JSON, which is no TOML."""
    return value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()
