"""Values into slots: picks the words for each value, keeps what the resolver must read back, mends a/an around it."""

import datetime as dt
import random
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from octocli.core.kinds import RESOLVED
from octocli.core.resolvers import resolve
from octocli.core.resolvers.dates import MONTHS, WEEKDAYS
from octocli.core.spec import Parameter
from octocli.teachers.builtin.lexicon import lexicon
from octocli.teachers.builtin.naming import indefinite
from octocli.teachers.builtin.surfaces import clock_surfaces, surfaces

SLOT = re.compile(r"\{([^{}]*)\}")
# Words that bring their own preposition: "at in 20 minutes" is nobody's English.
_SELF_LED = re.compile(
    r"^(?:in |tonight|tomorrow|today|this |next |every |each |on |by |once |just |the day after"
    r"|weekdays|weekends|daily)"
    r"|from now$|\bto\b.*\d$"
)
_LEADING = re.compile(r"(?:^|(?<=\s))(?:at|on|for|by|around|from|to|until|till)\s$")
# What stands before a value that is part of a noun phrase: "my 7 am alarm".
_OWNED = re.compile(r"(?:^|\s)(?:a|an|the|my|this|that)\s$", re.IGNORECASE)
# A time short enough to stand before a noun.
_SHORT_TIME = re.compile(r"(?!.*\b(?:in|on|at|from|of|and|to|past)\b)(?:\S+ ?){1,2}$")

# How often a value is said in its plainest form; nobody reads an ISO date aloud.
_PLAIN = {"time": 0.08, "date": 0.04, "datetime": 0.02, "integer": 0.55, "number": 0.55, "money": 0.3, "phone": 0.4}


_CLOCKED = ("time", "date", "datetime")
_DAYS = "|".join((*WEEKDAYS, *MONTHS))
# A time in these words says a day as well, or hangs on today's.
_DAY_IN_TIME = re.compile(r"^in |\b(?:tonight|tomorrow|from now)\b")
_DAY_WORD = re.compile(rf"\b(?:{_DAYS})\b")
_DATED = re.compile(rf"(?:the|{_DAYS}|\d+ (?:{_DAYS}))\b|\d{{4}}-")


@dataclass
class Filled:
    """A query and what the words say differently from the values."""

    query: str
    said: dict[str, str] = field(default_factory=dict)
    relative: bool = False


def fill(
    pattern: str,
    values: Mapping[str, tuple[Parameter, Any, str]],
    now: dt.datetime,
    rng: random.Random,
    dated: Collection[str] = (),
    led: Collection[str] = (),
) -> Filled | None:
    """Put words for every slot of `pattern`.

    Args:
        pattern: words with `{key}` or `{key|mod}` slots.
        values: by key, the parameter, its value and its JSON pointer.
        now: the clock of the sample.
        rng: the stream's random numbers.
        dated: keys of times beside which a date may stand: their words say no day, or they would say the date too.
        led: keys of texts about time, whose words decide on the preposition before them.
    """
    done = Filled("")
    text, end = "", 0
    for match in SLOT.finditer(pattern):
        text += pattern[end : match.start()]
        end = match.end()
        key, _, place = match[1].partition("|")
        parameter, value, pointer = values[key]
        words, relative = _words(
            parameter, value, now, rng, place == "mod", pattern[end : end + 1] == "%", key in dated
        )
        if words is None:
            return None
        if parameter.kind in _CLOCKED and words != _literal(value):
            words = _cased(words, rng)
        if parameter.kind in RESOLVED and words != _literal(value):
            done.said[pointer] = words
            done.relative = done.relative or relative
        if key in led and _OWNED.search(text) and not _SHORT_TIME.match(words.lower()):
            return None
        text = (_led(text, words, rng) if key in led and not place else _joint(text, words, parameter)) + words
    done.query = " ".join((text + pattern[end:]).split())
    return done if all(w in done.query for w in done.said.values()) else None


def _led(text: str, words: str, rng: random.Random) -> str:
    """The text before a time in the speaker's own words, with the preposition that these want."""
    if _OWNED.search(text):
        return text
    text = _LEADING.sub("", text)
    choices = next((c for pattern, c in lexicon().leads if pattern.search(words.lower())), ["for"])
    lead = rng.choice(choices)
    return f"{text}{lead} " if lead else text


def _joint(text: str, words: str, parameter: Parameter) -> str:
    """The text before a value, its preposition or article suited to the value's words."""
    if parameter.kind in ("time", "date", "datetime", "enum") and _SELF_LED.search(words):
        if words in ("today", "tomorrow") and text.endswith("for "):
            return text
        text = _LEADING.sub("", text)
    if parameter.kind == "datetime" and text.endswith(" at ") and _DATED.match(words.lower()):
        text = text.removesuffix("at ") + "on "
    if text.lower().endswith((" a ", " an ")) or text.lower() in ("a ", "an "):
        lead, _, article = text.rstrip().rpartition(" ")
        right = indefinite(words)
        if words.split()[0] in ("a", "an", "some", "the", "my", "half"):
            return f"{lead} "
        return f"{lead} {right if article.islower() else right.capitalize()} ".lstrip()
    return text


def _words(
    parameter: Parameter, value: Any, now: dt.datetime, rng: random.Random, modifier: bool, percent: bool, dated: bool
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
    seen = clock_surfaces(value, parameter.name, parameter.schema, now)
    if dated:
        seen = [words for words in seen if not _DAY_IN_TIME.search(words)]
    relative = set(seen)
    for _ in range(8):
        if rng.random() < _PLAIN.get(parameter.kind, 0.25):
            words = (candidates or [_literal(value)])[0]
        else:
            # As seen from the clock where that can be: people say "tomorrow" far more than a date.
            words = rng.choice((seen if seen and rng.random() < 0.65 else candidates) or [_literal(value)])
        moment = now if words in relative else None
        if words == _literal(value):
            return words, False
        if resolve(words, parameter.name, parameter.schema, moment) == value:
            return words, moment is not None
        if moment is None and resolve(words, parameter.name, parameter.schema, now) == value:
            return words, True
    return _literal(value), False


def _cased(words: str, rng: random.Random) -> str:
    """Days and months with a capital, AM and PM too, as some people write them."""
    style = rng.random()
    if style < 0.35:
        words = _DAY_WORD.sub(lambda m: m[0].capitalize(), words)
    if style < 0.12:
        words = re.sub(r"(?<=[\d ])[ap]m\b", lambda m: m[0].upper(), words)
    return words


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
