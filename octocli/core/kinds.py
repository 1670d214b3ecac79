"""What a parameter holds, in words: a time, a duration, a colour from a list, free text.

The kind decides which words a teacher may use for a value and which resolver may read them back.
Reads the schema first, then the name, then the description; never a query.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

from octocli.core.schemas import types_of

Kind = Literal[
    "enum", "boolean", "time", "date", "datetime", "duration", "money", "phone", "integer", "number",
    "text", "array", "object",
]  # fmt: skip
Unit = Literal["seconds", "minutes", "hours", "days"]

# A keyword of octo's own on a parameter with an enum: other words that people use, by value.
SYNONYMS = "x-octo-synonyms"

RESOLVED: frozenset[Kind] = frozenset({"time", "date", "datetime", "duration", "money", "phone", "integer", "number"})

_FORMATS: Mapping[str, Kind] = {
    "time": "time",
    "date": "date",
    "date-time": "datetime",
    "duration": "duration",
}
_OF_TWO_PARTS = frozenset({"duration", "length", "pace", "score", "split", "ratio", "elapsed", "result"})
# What a pattern for the kind takes; and words that only a pattern for something else takes as well.
_TAKEN: Mapping[Kind, tuple[str, ...]] = {
    "time": ("07:05", "13:30", "23:59"),
    "date": ("2026-01-05", "2027-12-31"),
}
# An amount of these is a number, not a price.
_MEASURES = frozenset(
    "g gram grams kg kilos kilograms mg ml milliliters millilitres liter liters litre litres oz ounces lb lbs "
    "cups spoons km miles meters metres cm mm percent points kwh kw calories kcal pages".split()
)
_FOREIGN = ("noon", "7", "07.05", "0705", "tomorrow", "2026", "20260105", "A1", "a-b", "x:y")
_UNITS: tuple[tuple[str, Unit], ...] = (
    (r"seconds?|secs?|sekunden?", "seconds"), (r"minutes?|mins?|minuten", "minutes"), (r"hours?|stunden?", "hours"),
    (r"days?|tagen?|tage", "days"),
)  # fmt: skip


def kind_of(name: str, schema: Mapping[str, Any]) -> Kind:
    """The kind of the parameter `name` under its schema."""
    types = [t for t in types_of(schema) if t != "null"]
    if "enum" in schema or "const" in schema:
        return "enum"
    if types == ["boolean"]:
        return "boolean"
    if types == ["string"]:
        return _string_kind(name, schema)
    if types and set(types) <= {"integer", "number"}:
        return _numeric_kind(name, schema, "integer" if types == ["integer"] else "number")
    if types == ["array"]:
        return "array"
    if types == ["object"]:
        return "object"
    return "text"


def unit_of(name: str, schema: Mapping[str, Any]) -> Unit | None:
    """The unit that a numeric duration is counted in, from `format: duration` companions: name, then description."""
    # `min_rating` is the least rating: "min" is a unit only where a name ends with it.
    named = _unit_in(re.sub(r"^min(?:_|$)", "", name).replace("_", " "))
    return named or _unit_in(str(schema.get("description", "")))


@lru_cache(maxsize=4096)
def _unit_in(text: str) -> Unit | None:
    """The unit that a name or a description has. Each query asks it of every parameter, for all its words."""
    return next((unit for pattern, unit in _UNITS if re.search(rf"\b(?:{pattern})\b", text, re.IGNORECASE)), None)


def has_resolver(name: str, schema: Mapping[str, Any]) -> bool:
    """Whether the target may carry the user's own words for this parameter."""
    return kind_of(name, schema) in RESOLVED


def _string_kind(name: str, schema: Mapping[str, Any]) -> Kind:
    named = _FORMATS.get(schema.get("format", "")) or _kind_of_pattern(name, str(schema.get("pattern", "")))
    if named:
        return named
    if schema.get("format") == "phone" or re.search(r"(^|_)phone(_number)?$", name):
        return "phone"
    return "text"


@lru_cache(maxsize=1024)
def _kind_of_pattern(name: str, pattern: str) -> Kind | None:
    """Of `^\\d{2}:\\d{2}$` a time: many specs give a pattern where they could give a format.

    But a length of time, a pace or a score of that form is none.
    """
    if set(re.split(r"[_\W]+", name.lower())) & _OF_TWO_PARTS:
        return None
    try:
        takes = re.compile(pattern).search
    except re.error:
        return None
    if not pattern or any(takes(text) for text in _FOREIGN):
        return None
    return next((kind for kind, texts in _TAKEN.items() if all(takes(text) for text in texts)), None)


def _numeric_kind(name: str, schema: Mapping[str, Any], plain: Kind) -> Kind:
    if schema.get("format") == "duration" or (unit_of(name, {}) and not re.search(r"(^|_)(per|of)_", name)):
        return "duration"
    words = set(re.split(r"[_\W]+", name.lower()))
    if words & {"duration", "timeout", "delay", "length"} and unit_of("", schema):
        return "duration"
    measured = words & _MEASURES and not words & {"price", "cost", "budget"}
    if schema.get("format") == "money" or (words & {"price", "amount", "cost", "tip", "budget"} and not measured):
        return "money"
    return plain
