"""Every way the grammar knows to say a value: one canonical value, many surfaces.

`surfaces` says it outright, `implied` by a verb ("unlock" for locked=false). Surfaces that need a clock are made by
`clock_surfaces`; whether words read back to the value is the resolver's word, not this module's.
"""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from octocli.core.kinds import SYNONYMS, kind_of, unit_of
from octocli.core.resolvers.amounts import is_percent
from octocli.core.resolvers.durations import SECONDS
from octocli.teachers.builtin.language import Language
from octocli.teachers.builtin.roles import words_of

Schema = Mapping[str, Any]

# Of currencies and countries: a code so short is read, and its words are said.
_LONGEST_CODE = 3


def surfaces(value: Any, name: str, schema: Schema, language: Language) -> list[str]:
    """Ways to say `value` for the parameter `name`, the plainest first; none that is relative to the clock."""
    kind = kind_of(name, schema)
    try:
        found = _by_kind(value, kind, name, schema, language)
    except (ValueError, TypeError):
        found = [_text(value)]
    return list(dict.fromkeys(s for s in found if s))


def clock_surfaces(value: Any, name: str, schema: Schema, now: dt.datetime, language: Language) -> list[str]:
    """Ways to say a time, date or moment as seen from `now`: "tomorrow", "in 20 minutes", "tonight at 9"."""
    kind, spoken = kind_of(name, schema), language.spoken
    try:
        if kind == "time":
            return spoken.relative_times(_time(value), now)
        if kind == "date":
            return spoken.relative_dates(_date(value), now.date())
        if kind == "datetime":
            return spoken.relative_moments(_moment(value), now)
    except ValueError:
        pass
    return []


def implied(value: Any, name: str, schema: Schema, language: Language) -> list[str]:
    """Verbs and adjectives that say `value` without naming it: "unlock", "shut off", "muted"."""
    kind = kind_of(name, schema)
    phrases: list[str] = []
    if kind == "boolean":
        phrases = [
            *state_verbs(value, name, schema, language),
            *state_adjectives(value, name, schema, language),
            *flag_phrases(value, name, language),
        ]
    elif kind == "enum":
        phrases = [
            *state_verbs(value, name, schema, language),
            *state_adjectives(value, name, schema, language),
        ]
    done = done_to(words_of(value)) if isinstance(value, str) and kind == "enum" else []
    return [*language.verb_words(phrases), *done]


def done_to(words: Sequence[str]) -> list[str]:
    """A listed value that is a verb and its object, as people say it: of "make_bed" "make the bed"."""
    return [f"{words[0]} {article} {' '.join(words[1:])}" for article in ("the", "my") if len(words) > 1]


# Names of parameters whose values are things to do.
_ACTING = frozenset({"action", "command", "operation", "do"})


def state_verbs(value: Any, name: str, schema: Schema, language: Language) -> list[str]:
    """Verb templates with `{o}` for the object that imply `value`; empty where verbs do not speak of it."""
    states = language.words.states
    if isinstance(value, bool):
        entry = _boolean_entry(name, language)
        return list(entry[str(value).lower()]) if entry else []
    action = states["actions"].get(_readable(value))
    if action is None and set(words_of(name)) & _ACTING:
        return _named_verbs(_readable(value), language)
    return _action_verbs(action, language) if action else []


def state_adjectives(value: Any, name: str, schema: Schema, language: Language) -> list[str]:
    """One-word states for a noun-first request: "kitchen lights off"."""
    states = language.words.states
    if isinstance(value, bool):
        entry = _boolean_entry(name, language)
        return list(entry["adjective"][str(value).lower()]) if entry else []
    return list(states["action_adjectives"].get(states["actions"].get(_readable(value), ""), ()))


def speaks_by_verb(name: str, schema: Schema, language: Language) -> bool:
    """Whether a parameter's value is chosen by the verb: a state that is switched, or an action from a list."""
    kind = kind_of(name, schema)
    if kind == "boolean":
        return _boolean_entry(name, language) is not None
    values = [v for v in schema.get("enum", ()) if v is not None]
    acting = sum(bool(state_verbs(v, name, schema, language)) for v in values)
    return kind == "enum" and acting * 2 > len(values)


def flag_phrases(value: bool, name: str, language: Language) -> list[str]:
    """Phrases for a yes-or-no option: "with cutlery", "without cutlery"."""
    words = [
        w for w in words_of(name) if w not in ("is", "has", "use", "with", "include", "includes", "allow", "add", "set")
    ]
    if words and words[0] == "no":
        return flag_phrases(not value, " ".join(words[1:]), language)
    flags = language.words.states["flags"]
    for size in (len(words), 2, 1):
        for start in range(len(words) - size + 1):
            entry = flags.get(" ".join(words[start : start + size]))
            if entry:
                return list(entry[str(bool(value)).lower()])
    phrase = " ".join(words) or name
    return language.flag(phrase, value)


def _by_kind(value: Any, kind: str, name: str, schema: Schema, language: Language) -> list[str]:
    spoken = language.spoken
    if kind == "enum":
        return enum_words(value, schema, language)
    if kind == "boolean":
        return flag_phrases(value, name, language) if not speaks_by_verb(name, schema, language) else []
    if kind == "time":
        return [_text(value), *spoken.times(_time(value))]
    if kind == "date":
        return [_text(value), *spoken.dates(_date(value))]
    if kind == "datetime":
        return [_text(value), *spoken.moments(_moment(value))]
    if kind == "duration":
        return _durations(value, name, schema, language)
    if kind == "money":
        return spoken.money(value)
    if kind == "phone":
        return spoken.phones(_text(value))
    if kind in ("integer", "number"):
        said = spoken.numbers(
            value, percent=is_percent(name, schema), low=schema.get("minimum"), high=schema.get("maximum")
        )
        # Nobody writes a year with a comma.
        return [words for words in said if "," not in words] if "year" in words_of(name) else said
    if kind == "array" and isinstance(value, (list, tuple)):
        return _lists(value, name, schema, language)
    return [_text(value)]


def enum_words(value: Any, schema: Schema, language: Language) -> list[str]:
    """Readable forms and synonyms of a listed value, octo's own and the spec's: living_room -> living room, lounge."""
    own = schema.get(SYNONYMS, {}).get(value, ()) if isinstance(value, str) else ()
    if not isinstance(value, str):
        return language.spoken.numbers(value) if isinstance(value, (int, float)) else [_text(value)]
    readable = _readable(value)
    literal = [value] if value.lower() == readable or value.isupper() else []
    known = [*language.words.enums.get(readable, ()), *own]
    if known and value.isupper() and len(value) <= _LONGEST_CODE:
        return [*known, *language.listed([readable, *literal], ())]
    return language.listed([readable, *literal], known)


def _lists(value: Any, name: str, schema: Schema, language: Language) -> list[str]:
    items = schema.get("items", {})
    inner = items if isinstance(items, Mapping) else {}
    each = [surfaces(v, name, inner, language) for v in value]
    if not each or not all(each):
        return []
    rows = [[s[0] for s in each], [s[-1] for s in each], [s[len(s) // 2] for s in each]]
    return [words for row in rows for words in language.spoken.series(row)]


def _durations(value: Any, name: str, schema: Schema, language: Language) -> list[str]:
    if isinstance(value, str):
        return [*language.spoken.durations(_iso_seconds(value)), value]
    scale = SECONDS[unit_of(name, schema) or "seconds"]
    return language.spoken.durations(Fraction(str(value)) * scale)


@lru_cache(maxsize=1024)
def _boolean_entry(name: str, language: Language) -> Mapping[str, Any] | None:
    words = " ".join(words_of(name))
    if len(words.split()) > 2 or words in language.words.states["flags"]:
        return None
    return next((e for e in language.words.states["booleans"] if re.search(e["match"], words)), None)


def _named_verbs(verb: str, language: Language) -> list[str]:
    """How a verb is said that a list of actions names: of "discard" what is said of functions that discard."""
    group = next((g for g in language.words.verbs["groups"] if verb in g["names"] and "nouns" not in g), None)
    return [s.replace("{v}", verb) for s in group["say"]] if group else []


def _action_verbs(action: str, language: Language) -> list[str]:
    words = language.words
    special = words.states["action_words"].get(action)
    if special:
        return list(special)
    group = next((g for g in words.verbs["groups"] if g["class"] == action and "nouns" not in g), None)
    return [s for s in group["say"] if "{v}" not in s] if group else [f"{action} {{o}}"]


def _readable(value: Any) -> str:
    return " ".join(words_of(value)) if isinstance(value, str) else _text(value)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, Mapping):
        return ", ".join(_text(v) for v in value.values())
    return str(value)


def _time(value: str) -> dt.time:
    return dt.time.fromisoformat(value.removesuffix("Z")).replace(tzinfo=None)


def _date(value: str) -> dt.date:
    for pattern in ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y"):
        try:
            return dt.datetime.strptime(value, pattern).date()
        except ValueError:
            continue
    raise ValueError(value)


def _moment(value: str) -> dt.datetime:
    return dt.datetime.fromisoformat(value).replace(tzinfo=None)


def _iso_seconds(text: str) -> Fraction:
    """The seconds of an ISO 8601 duration of days, hours, minutes and seconds."""
    match = re.fullmatch(r"P(?:([\d.]+)D)?(?:T(?:([\d.]+)H)?(?:([\d.]+)M)?(?:([\d.]+)S)?)?", text)
    if not match:
        raise ValueError(text)
    scales = (86400, 3600, 60, 1)
    return sum((Fraction(g) * s for g, s in zip(match.groups(), scales, strict=True) if g), Fraction(0))
