"""The OpenAPI document."""

from typing import Any


def document() -> dict[str, Any]:
    """The document."""
    return {}
