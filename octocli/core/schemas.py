"""JSON Schema as octo reads it: draft 2020-12, with formats that people use in apps.

Knows which keywords a decoding grammar can express. Leaves reading a whole spec to `spec.py`.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
from jsonschema import Draft202012Validator, FormatChecker

Schema = Mapping[str, Any]

# Keywords that the grammar cannot enforce while decoding. A call that breaks one is reported as invalid afterwards.
UNEXPRESSED = frozenset(
    {"not", "if", "then", "else", "uniqueItems", "contains", "minContains", "maxContains", "dependentRequired",
     "dependentSchemas", "propertyNames", "unevaluatedItems", "unevaluatedProperties", "minProperties",
     "maxProperties", "patternProperties", "$dynamicRef", "$recursiveRef", "oneOf", "allOf"}
)  # fmt: skip

FORMATS = FormatChecker()
# Keywords whose value maps names to schemas.
_NAMED = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")


@FORMATS.checks("time", raises=ValueError)  # type: ignore[untyped-decorator]
def _is_time(value: object) -> bool:
    # RFC 3339 wants seconds and an offset; nobody says them aloud, so HH:MM and HH:MM:SS pass as well.
    if isinstance(value, str):
        dt.time.fromisoformat(value)
        return value[2:3] == ":"
    return True


@FORMATS.checks("date-time", raises=ValueError)  # type: ignore[untyped-decorator]
def _is_date_time(value: object) -> bool:
    if isinstance(value, str):
        dt.datetime.fromisoformat(value)
        return "T" in value or " " in value
    return True


@FORMATS.checks("uri", raises=ValueError)  # type: ignore[untyped-decorator]
def _is_uri(value: object) -> bool:
    # jsonschema's own check comes from a package that takes 1.7 s to import.
    return not isinstance(value, str) or bool(urlsplit(value).scheme)


def schema_faults(schema: object) -> Iterator[tuple[str, str]]:
    """Yield (JSON path, message) for what makes `schema` no valid draft 2020-12 schema."""
    meta = Draft202012Validator(Draft202012Validator.META_SCHEMA, format_checker=FormatChecker(["regex"]))
    for error in sorted(meta.iter_errors(schema), key=lambda e: list(map(str, e.absolute_path))):
        yield error.json_path.removeprefix("$").lstrip("."), error.message


def dangling_references(schema: Schema) -> Iterator[str]:
    """Yield each `$ref` that leads to no schema within `schema` itself; octo fetches none from elsewhere."""

    def walk(part: object, *, named: bool = False) -> Iterator[str]:
        """`named`: the keys of this part are names that somebody chose, not keywords."""
        if isinstance(part, Mapping):
            reference = None if named else part.get("$ref")
            if isinstance(reference, str) and not isinstance(target_of(reference, schema), (Mapping, bool)):
                yield reference
            for key, inner in part.items():
                if named or key not in ("enum", "const", "default", "examples"):
                    yield from walk(inner, named=not named and key in _NAMED)
        elif isinstance(part, list):
            for inner in part:
                yield from walk(inner)

    return walk(schema)


def target_of(reference: str, schema: Schema) -> object:
    """What a reference such as `#/$defs/size` points to, or None."""
    if not (reference == "#" or reference.startswith("#/")):
        return None
    found: object = schema
    for step in unquote(reference).split("/")[1:]:
        found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def with_definitions(schema: Any, definitions: Any) -> Any:
    """A part of a schema with the whole's `$defs`, where it refers to any."""
    if definitions and isinstance(schema, Mapping) and "$ref" in json.dumps(schema):
        return {**schema, "$defs": definitions}
    return schema


def value_faults(value: object, schema: Schema) -> list[str]:
    """What is wrong with `value` under `schema`, one line each; empty when it is valid."""
    validator = _validator(_Frozen(schema))
    try:
        return [_one_line(error) for error in validator.iter_errors(value)]
    except OverflowError:  # multipleOf divides in floating point
        return ["a number too large to be checked"]


def is_valid(value: object, schema: Schema) -> bool:
    """Whether `value` passes `schema`, formats included."""
    return not value_faults(value, schema)


def types_of(schema: Schema) -> tuple[str, ...]:
    """The JSON types that the schema names or implies; all of them when it says nothing."""
    named = schema.get("type")
    if isinstance(named, str):
        return (named,)
    if isinstance(named, (list, tuple)):
        return tuple(named)
    if "enum" in schema or "const" in schema:
        values = schema["enum"] if "enum" in schema else [schema["const"]]
        return tuple(dict.fromkeys(json_type(v) for v in values))
    for branches in (schema.get("anyOf"), schema.get("oneOf")):
        if branches:
            return tuple(dict.fromkeys(t for b in branches if isinstance(b, Mapping) for t in types_of(b)))
    if "properties" in schema:
        return ("object",)
    return ("string", "integer", "number", "boolean", "array", "object", "null")


def json_type(value: object) -> str:
    """The JSON type name of a Python value; 3.0 is an integer, as the draft says."""
    if isinstance(value, bool):
        return "boolean"
    if value is None:
        return "null"
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, (list, tuple)) else "object"


def unexpressed_keywords(schema: object, place: str = "") -> Iterator[str]:
    """Yield the places of keywords that no grammar here enforces, e.g. `parameters.tags.uniqueItems`."""
    if isinstance(schema, Mapping):
        for key, part in schema.items():
            here = f"{place}.{key}" if place else key
            if key in UNEXPRESSED:
                yield here
            if key in ("properties", "$defs") and isinstance(part, Mapping):
                for name, inner in part.items():
                    yield from unexpressed_keywords(inner, f"{here}.{name}")
            elif key not in ("enum", "const", "default", "examples"):
                yield from unexpressed_keywords(part, here)
    elif isinstance(schema, list):
        for index, part in enumerate(schema):
            yield from unexpressed_keywords(part, f"{place}[{index}]")


def _one_line(error: jsonschema.ValidationError) -> str:
    place = error.json_path.removeprefix("$").lstrip(".")
    return f"{place}: {error.message}" if place else str(error.message)


class _Frozen:
    """A schema as a cache key: by identity, and kept alive so that the identity stays its own."""

    def __init__(self, schema: Schema) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and other.schema is self.schema


@lru_cache(maxsize=4096)
def _validator(key: _Frozen) -> Draft202012Validator:
    return Draft202012Validator(key.schema, format_checker=FORMATS)
