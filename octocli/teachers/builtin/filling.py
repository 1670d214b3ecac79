"""Values into slots: picks the words for each value, keeps what the resolver must read back, mends a/an around it."""

import datetime as dt
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from octocli.core.kinds import RESOLVED
from octocli.core.resolvers import resolve
from octocli.core.spec import Function, Parameter
from octocli.teachers.builtin.naming import indefinite
from octocli.teachers.builtin.surfaces import clock_surfaces, surfaces

SLOT = re.compile(r"\{([^{}]*)\}")
# Words that bring their own preposition: "at in 20 minutes" is nobody's English.
_SELF_LED = re.compile(
    r"^(?:in |tonight|tomorrow|today|this |next |every |on |the day after|weekdays|weekends|daily)|from now$|\bto\b.*\d$"
)
_LEADING = re.compile(r"(?:^|(?<=\s))(?:at|on|for|by|around|from|to|until|till)\s$")


@dataclass
class Filled:
    """A query and what the words say differently from the values."""

    query: str
    said: dict[str, str] = field(default_factory=dict)
    relative: bool = False


def fill(
    pattern: str, values: Mapping[str, tuple[Parameter, Any, str]], now: dt.datetime, rng: random.Random
) -> Filled | None:
    """Put words for every slot of `pattern`.

    Args:
        pattern: words with `{key}` or `{key|mod}` slots.
        values: by key, the parameter, its value and its JSON pointer.
        now: the clock of the sample.
        rng: the stream's random numbers.
    """
    done = Filled("")
    text, end = "", 0
    for match in SLOT.finditer(pattern):
        text += pattern[end : match.start()]
        end = match.end()
        key, _, place = match[1].partition("|")
        parameter, value, pointer = values[key]
        words, relative = _words(parameter, value, now, rng, place == "mod", pattern[end : end + 1] == "%")
        if words is None:
            return None
        if parameter.kind in RESOLVED and words != _literal(value):
            done.said[pointer] = words
            done.relative = done.relative or relative
        text = _joint(text, words, parameter) + words
    done.query = " ".join((text + pattern[end:]).split())
    return done if all(w in done.query for w in done.said.values()) else None


def _joint(text: str, words: str, parameter: Parameter) -> str:
    """The text before a value, its preposition or article suited to the value's words."""
    if parameter.kind in ("time", "date", "datetime", "enum") and _SELF_LED.search(words):
        if words in ("today", "tomorrow") and text.endswith("for "):
            return text
        text = _LEADING.sub("", text)
    if text.lower().endswith((" a ", " an ")) or text.lower() in ("a ", "an "):
        lead, _, article = text.rstrip().rpartition(" ")
        right = indefinite(words)
        if words.split()[0] in ("a", "an", "some", "the", "my", "half"):
            return f"{lead} "
        return f"{lead} {right if article.islower() else right.capitalize()} ".lstrip()
    return text


def _words(
    parameter: Parameter, value: Any, now: dt.datetime, rng: random.Random, modifier: bool, percent: bool
) -> tuple[str | None, bool]:
    """Words for a value, and whether they are relative to the clock."""
    if parameter.kind not in RESOLVED:
        found = _surfaces(parameter.name, _Key(parameter.schema), _frozen(value))
        if not found:
            return None, False
        return (found[0] if rng.random() < 0.6 else rng.choice(found)), False
    candidates = list(_surfaces(parameter.name, _Key(parameter.schema), _frozen(value)))
    if percent:
        return _literal(value), False
    if modifier and parameter.kind == "duration":
        candidates = [
            re.sub(r"(\w)s$", r"\1", c)
            for c in candidates
            if " and " not in c and not c.startswith(("a ", "an ", "half"))
        ]
    relative = set(clock_surfaces(value, parameter.name, parameter.schema, now))
    pool = [*candidates, *relative_first(sorted(relative), rng)]
    for _ in range(8):
        words = rng.choice(pool) if pool and rng.random() < 0.8 else (candidates or pool or [_literal(value)])[0]
        moment = now if words in relative else None
        if words == _literal(value):
            return words, False
        if resolve(words, parameter.name, parameter.schema, moment) == value:
            return words, moment is not None
        if moment is None and resolve(words, parameter.name, parameter.schema, now) == value:
            return words, True
    return _literal(value), False


def relative_first(words: list[str], rng: random.Random) -> list[str]:
    """Words seen from the clock, doubled: people say "tomorrow" far more than a date."""
    return words * 2 if rng.random() < 0.7 else []


class _Key:
    """A schema by identity, kept alive, so that surfaces can be remembered."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.schema is self.schema


@lru_cache(maxsize=8192)
def _surfaces(name: str, key: _Key, value: Any) -> tuple[str, ...]:
    return tuple(surfaces(_thawed(value), name, key.schema))


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return ("list", *map(_frozen, value))
    if isinstance(value, dict):
        return ("dict", *((k, _frozen(v)) for k, v in value.items()))
    return (type(value).__name__, value)


def _thawed(value: Any) -> Any:
    kind, *rest = value
    if kind == "list":
        return [_thawed(v) for v in rest]
    if kind == "dict":
        return {k: _thawed(v) for k, v in rest}
    return rest[0]


def _literal(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def required_first(function: Function) -> list[Parameter]:
    """A function's parameters in target order."""
    return list(function.params)
