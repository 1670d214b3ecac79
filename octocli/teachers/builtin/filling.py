"""Values into slots: picks the words for each value, keeps what the resolver must read back, mends a/an around it."""

import datetime as dt
import random
import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any

from octocli.core.kinds import RESOLVED
from octocli.core.resolvers import resolve
from octocli.core.spec import Parameter
from octocli.teachers.builtin.language import Filled, Language
from octocli.teachers.builtin.surfaces import clock_surfaces, surfaces

SLOT = re.compile(r"\{([^{}]*)\}")
# A unit right after a number wants figures: "50%", "300g", "1.5x".
_GLUED = re.compile(r"%|[a-z]")
# How often a value is said in its plainest form; nobody reads an ISO date aloud.
_PLAIN = {"time": 0.08, "date": 0.04, "datetime": 0.02, "integer": 0.55, "number": 0.55, "money": 0.3, "phone": 0.4}


_CLOCKED = ("time", "date", "datetime")


def fill(
    pattern: str,
    values: Mapping[str, tuple[Parameter, Any, str]],
    now: dt.datetime,
    language: Language,
    rng: random.Random,
    dated: Collection[str] = (),
    led: Collection[str] = (),
    things: Collection[str] = (),
) -> Filled | None:
    """Put words for every slot of `pattern`.

    Args:
        pattern: words with `{key}` or `{key|mod}` slots.
        values: by key, the parameter, its value and its JSON pointer.
        now: the clock of the sample.
        language: the language of `pattern`.
        rng: the stream's random numbers.
        dated: keys of times beside which a date may stand: their words say no day, or they would say the date too.
        led: keys of texts about time, whose words decide on the preposition before them.
        things: keys of texts that name things, which people point at: "the sofa", where the value is the sofa.
    """
    patterns = language.words.patterns
    said: dict[str, str] = {}
    verbatim: list[str] = []
    hangs_on_clock = False
    text, end = "", 0
    for match in SLOT.finditer(pattern):
        text += pattern[end : match.start()]
        end = match.end()
        key, _, place = match[1].partition("|")
        parameter, value, pointer = values[key]
        words, relative = _words(
            parameter, value, now, language, rng, place == "mod", _GLUED.match(pattern, end) is not None, key in dated
        )
        if words is None:
            return None
        if parameter.kind in _CLOCKED and words != _literal(value):
            words = language.cased(words, rng)
        if parameter.kind in RESOLVED and words != _literal(value):
            said[pointer] = words
            hangs_on_clock = hangs_on_clock or relative
        if key in led and patterns["owned"].search(text) and not patterns["short_time"].match(words.lower()):
            return None
        if parameter.kind in ("text", "array"):
            verbatim.append(words)
        elif parameter.kind not in RESOLVED:
            words = language.placed(words, place)
        led_in = key in led and not place
        text = _led(text, words, language, rng) if led_in else language.joint(text, words, parameter.kind)
        if key in things and not place:
            text = language.pointed(text, words, rng)
        text += words
    query = " ".join((text + pattern[end:]).split())
    whole = all(w in query for w in said.values())
    return Filled(query, said, hangs_on_clock, tuple(verbatim)) if whole else None


def _led(text: str, words: str, language: Language, rng: random.Random) -> str:
    """The text before a time in the speaker's own words, with the preposition that these want."""
    # What stands before a value that is part of a noun phrase stays: "my 7 am alarm", but not "the this monday class".
    if language.words.patterns["owned"].search(text):
        return language.joint(text, words, "text")
    text = language.words.patterns["leading"].sub("", text)
    choices = next((c for pattern, c in language.words.leads if pattern.search(words.lower())), ["for"])
    lead = rng.choice(choices)
    return f"{text}{lead} " if lead else text


def _words(
    parameter: Parameter, value: Any, now: dt.datetime, language: Language, rng: random.Random,
    modifier: bool, in_figures: bool, dated: bool,
) -> tuple[str | None, bool]:  # fmt: skip
    """Words for a value, and whether they are relative to the clock."""
    if parameter.kind not in RESOLVED:
        found = _surfaces(parameter.name, _Key(parameter.schema), _frozen(value), language)
        if not found:
            return None, False
        return (found[0] if rng.random() < 0.6 else rng.choice(found)), False
    candidates = list(_surfaces(parameter.name, _Key(parameter.schema), _frozen(value), language))
    if in_figures:
        return _literal(value), False
    if modifier and parameter.kind == "duration":
        candidates = language.before_a_noun(candidates)
    seen = clock_surfaces(value, parameter.name, parameter.schema, now, language)
    if dated:
        # A time in these words says a day as well, or hangs on today's.
        seen = [words for words in seen if not language.words.patterns["day_in_time"].search(words)]
    relative = set(seen)
    code = language.words.code
    for _ in range(8):
        if rng.random() < _PLAIN.get(parameter.kind, 0.25):
            words = (candidates or [_literal(value)])[0]
        else:
            # As seen from the clock where that can be: people say "tomorrow" far more than a date.
            words = rng.choice((seen if seen and rng.random() < 0.65 else candidates) or [_literal(value)])
        moment = now if words in relative else None
        if words == _literal(value):
            return words, False
        # Another value may bring the clock in, so words that need none must mean the same beside one.
        if resolve(words, parameter.name, parameter.schema, now, code) == value:
            alone = moment is None and resolve(words, parameter.name, parameter.schema, None, code) == value
            return words, not alone
    return _literal(value), False


class _Key:
    """A schema by identity, kept alive, so that surfaces can be remembered."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and other.schema is self.schema


@lru_cache(maxsize=8192)
def _surfaces(name: str, key: _Key, value: Any, language: Language) -> tuple[str, ...]:
    return tuple(surfaces(_thawed(value), name, key.schema, language))


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
