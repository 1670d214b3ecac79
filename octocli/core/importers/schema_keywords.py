"""JSON Schema's keywords, draft 2020-12: which kind of value each takes, and the older spellings of some.

Judges and rewrites one schema's keywords. Schemas within schemas are `schema_conversion.py`'s work.
"""

import math
import re
from collections.abc import Callable
from typing import Any

from octocli.core.importers.json_values import object_in

TYPES = ("string", "integer", "number", "boolean", "array", "object", "null")

# What other languages and older drafts call a type; an empty one means any.
_OTHER_TYPES = {
    "str": "string", "text": "string", "char": "string", "uuid": "string", "date": "string", "datetime": "string",
    "int": "integer", "int32": "integer", "int64": "integer", "long": "integer", "short": "integer",
    "float": "number", "double": "number", "decimal": "number", "numeric": "number",
    "bool": "boolean", "list": "array", "tuple": "array", "dict": "object", "map": "object", "struct": "object",
    "none": "null", "any": "",
}  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and float(value).is_integer()


def _is_pattern(value: Any) -> bool:
    try:
        re.compile(value)
    except (re.error, TypeError, RecursionError, OverflowError):
        return False
    return isinstance(value, str)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_name_map(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(names, list) and all(map(_is_text, names)) and len(set(names)) == len(names)
        for names in value.values()
    )


def _is_anything(value: Any) -> bool:
    return True


CHECKS: dict[str, Callable[[Any], bool]] = {
    "title": _is_text, "description": _is_text, "format": _is_text, "pattern": _is_pattern,
    "contentEncoding": _is_text, "contentMediaType": _is_text,
    "minimum": _is_number, "maximum": _is_number, "exclusiveMinimum": _is_number, "exclusiveMaximum": _is_number,
    "multipleOf": lambda value: _is_number(value) and value > 0,
    "minLength": _is_count, "maxLength": _is_count, "minItems": _is_count, "maxItems": _is_count,
    "minProperties": _is_count, "maxProperties": _is_count, "minContains": _is_count, "maxContains": _is_count,
    "uniqueItems": _is_flag, "readOnly": _is_flag, "writeOnly": _is_flag, "deprecated": _is_flag,
    "default": _is_anything, "const": _is_anything,
    "enum": lambda value: isinstance(value, list) and bool(value), "examples": lambda value: isinstance(value, list),
    "dependentRequired": _is_name_map,
}  # fmt: skip

SCHEMA_KEYWORDS = frozenset(
    {"items", "additionalProperties", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties",
     "not", "if", "then", "else"}
)  # fmt: skip
SCHEMA_LISTS = frozenset({"prefixItems"})
SCHEMA_MAPS = frozenset({"patternProperties", "dependentSchemas"})

# Keywords whose subschemas say when a value is wrong: loosening those would forbid more, not less.
REVERSED = frozenset({"not", "if", "then", "else", "dependentSchemas", "propertyNames", "contains"})

# Said of the document or of the wire, not of the values; nothing is lost without them.
SILENT = frozenset(
    {"$schema", "$id", "id", "$anchor", "$dynamicAnchor", "$comment", "$vocabulary", "$defs", "definitions",
     "components", "nullable", "example", "allOf", "$ref", "required", "properties", "type", "anyOf", "oneOf"}
)  # fmt: skip


def known_type(name: Any) -> str | None:
    """The draft's name for a type, an empty one for any type, or None for one that nobody knows."""
    if not isinstance(name, str):
        return None
    lowered = name.strip().lower()
    return lowered if lowered in TYPES else _OTHER_TYPES.get(lowered)


def modern(raw: dict[str, Any]) -> dict[str, Any]:
    """A schema's keywords with older drafts' and OpenAPI 3.0's spellings rewritten."""
    made = dict(raw)
    for flag, bound in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(made.get(flag), bool) and made.pop(flag) and bound in made:
            made[flag] = made.pop(bound)
    if "example" in made and "examples" not in made:
        made["examples"] = [made["example"]]
    if isinstance(made.get("examples"), dict):  # named examples, as OpenAPI has them beside a schema
        made["examples"] = [e["value"] for e in made["examples"].values() if isinstance(e, dict) and "value" in e]
    if isinstance(made.get("items"), list):
        made["prefixItems"] = made["items"]
        made["items"] = made.get("additionalItems", True)
    made.pop("additionalItems", None)
    if isinstance(made.get("dependencies"), dict):
        for name, needed in made.pop("dependencies").items():
            into = "dependentRequired" if isinstance(needed, list) else "dependentSchemas"
            made[into] = {**object_in(made, into), name: needed}
    return made
