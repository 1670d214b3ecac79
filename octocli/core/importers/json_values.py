"""Careful looks into a document that may hold anything: the part asked for, or an empty one of its kind."""

from collections.abc import Iterator, Mapping
from typing import Any


def object_in(holder: Any, key: str) -> dict[str, Any]:
    """The object under `key`, or an empty one."""
    value = holder.get(key) if isinstance(holder, Mapping) else None
    return value if isinstance(value, dict) else {}


def list_in(holder: Any, key: str) -> list[Any]:
    """The list under `key`, or an empty one."""
    value = holder.get(key) if isinstance(holder, Mapping) else None
    return value if isinstance(value, list) else []


def text_in(holder: Any, *keys: str) -> str:
    """The first text under one of `keys` that says something, its outer spaces off; or an empty one."""
    for key in keys:
        value = holder.get(key) if isinstance(holder, Mapping) else None
        if isinstance(value, str) and value.strip():
            return value.strip()
    return ""


def objects_of(values: list[Any]) -> Iterator[dict[str, Any]]:
    """Yield the objects of a list."""
    return (value for value in values if isinstance(value, dict))
