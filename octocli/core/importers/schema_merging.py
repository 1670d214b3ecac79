"""Two schemas that both hold -> one: `allOf`, a reference with words of its own beside it; and alternatives -> fewer.

Works on schemas that are already plain draft 2020-12.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from octocli.core.schemas import json_type

Schema = dict[str, Any]
Report = Callable[[str, str], None]

_LARGER = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"})
_SMALLER = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"})
_WORDS = frozenset({"title", "description", "default", "examples", "format"})
_FLAGS = frozenset({"uniqueItems", "readOnly", "writeOnly", "deprecated"})


def merge(first: Schema, second: Schema, report: Report) -> Schema:
    """The schema of values that obey both; of words about them, the second's count.

    Args:
        first: a schema.
        second: another.
        report: told of (what, became) where the two contradict each other.
    """
    merged = dict(first)
    for key, value in second.items():
        if key not in merged or merged[key] == value or key in _WORDS:
            merged[key] = value
        else:
            _merge_keyword(merged, key, value, report)
    return merged


def _merge_keyword(merged: Schema, key: str, value: Any, report: Report) -> None:
    present = merged[key]
    if key == "properties":
        merged[key] = {**present, **{n: merge(present[n], s, report) if n in present else s for n, s in value.items()}}
    elif key == "required":
        merged[key] = list(dict.fromkeys([*present, *value]))
    elif key in _LARGER:
        merged[key] = max(present, value)
    elif key in _SMALLER:
        merged[key] = min(present, value)
    elif key in _FLAGS:
        merged[key] = present or value
    elif key == "items" and isinstance(present, dict) and isinstance(value, dict):
        merged[key] = merge(present, value, report)
    elif key == "additionalProperties":
        # Taken word for word, two closed objects with different fields admit nothing; nobody means that.
        del merged[key]
    elif key in ("type", "enum"):
        both = _common_types(present, value) if key == "type" else [v for v in present if _holds(value, v)]
        if both:
            merged[key] = both
        else:
            report(f"allOf asks for two different values of {key!r}", "the first counts")
    else:
        report(f"allOf asks for two different values of {key!r}", "the last counts")
        merged[key] = value


def _common_types(first: Any, second: Any) -> Any:
    one, two = as_types(first), as_types(second)
    common = [t for t in one if t in two]
    if "integer" not in common and (("integer" in one and "number" in two) or ("number" in one and "integer" in two)):
        common.append("integer")
    return as_type(common)


def as_types(named: Any) -> list[str]:
    """The value of `type` as a list."""
    return [named] if isinstance(named, str) else list(named or ())


def as_type(types: Sequence[str]) -> Any:
    """A list of types as `type` writes it; None for an empty list."""
    unique = list(dict.fromkeys(types))
    return unique[0] if len(unique) == 1 else unique or None


def _holds(values: Sequence[Any], value: Any) -> bool:
    return any(same(value, other) for other in values)


def same(first: Any, second: Any) -> bool:
    """Whether two values are one in JSON: true is not 1."""
    return bool(first == second) and json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


def distinct(values: Sequence[Any]) -> list[Any]:
    """The values without repetitions."""
    return list({json.dumps(value, sort_keys=True): value for value in reversed(values)}.values())[::-1]


def join_alternatives(branches: Sequence[Schema]) -> Schema:
    """Schemas of which one holds -> one schema: without repetitions, null folded in, constants as one enum."""
    branches = distinct(branches)
    others = [b for b in branches if b != {"type": "null"}]
    if len(others) > 1 and all("enum" in b or "const" in b for b in others):
        others = [_one_enum(others)]
    if not others:
        return {"type": "null"} if branches else {}
    if len(others) > 1:
        return {"anyOf": [*others, *([{"type": "null"}] if len(others) < len(branches) else [])]}
    return nullable(others[0]) if {"type": "null"} in branches else dict(others[0])


def _one_enum(branches: Sequence[Schema]) -> Schema:
    values = distinct([v for b in branches for v in (b["enum"] if "enum" in b else [b["const"]])])
    joined: Schema = {"type": as_type([json_type(v) for v in values]), "enum": values}
    described = [b for b in branches if "description" in b]
    if described:
        joined["description"] = " ".join(
            f"{json.dumps(b['const'], ensure_ascii=False)}: {b['description']}" if "const" in b else b["description"]
            for b in described
        )
    return joined


def nullable(schema: Schema) -> Schema:
    """The schema with null admitted."""
    made = dict(schema)
    if "const" in made:
        made["enum"] = [made.pop("const")]
    if "enum" in made and None not in made["enum"]:
        made["enum"] = [*made["enum"], None]
    if "type" in made:
        made["type"] = as_type([*as_types(made["type"]), "null"])
    elif "anyOf" in made and {"type": "null"} not in made["anyOf"]:
        made["anyOf"] = [*made["anyOf"], {"type": "null"}]
    return made
