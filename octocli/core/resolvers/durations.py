"""Lengths of time in words: "an hour and a half", "90 minutes", "2h", "three quarters of an hour"."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from octocli.core.kinds import unit_of
from octocli.core.resolvers.numbers import clean, parse_number

SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86400}
_UNIT_WORDS = {
    "s": 1, "sec": 1, "secs": 1, "second": 1, "seconds": 1, "m": 60, "min": 60, "mins": 60, "minute": 60,
    "minutes": 60, "h": 3600, "hr": 3600, "hrs": 3600, "hour": 3600, "hours": 3600, "day": 86400, "days": 86400,
    "d": 86400, "week": 604800, "weeks": 604800, "fortnight": 1209600, "night": 86400, "nights": 86400,
}  # fmt: skip
_UNIT = "|".join(sorted(_UNIT_WORDS, key=len, reverse=True))
_PART = re.compile(rf"(?P<count>.*?)\s*\b(?P<unit>{_UNIT})\b")
_OF_AN = re.compile(
    rf"(?P<part>half|a half|a quarter|quarter|three quarters|one quarter) (?:of )?an? (?P<unit>{_UNIT})"
)


def parse_duration(words: str) -> Fraction | None:
    """The seconds that `words` say, or None."""
    text = clean(words)
    for lead in ("for ", "about ", "around ", "exactly ", "the next ", "next ", "like "):
        text = text.removeprefix(lead)
    text = re.sub(r"(?<=\d)(?=[a-z])", " ", text)
    text = re.sub(r"(?<=[a-z])(?=\d)", " ", text).removesuffix(" long")
    if match := _OF_AN.fullmatch(text):
        share = parse_number(match["part"])
        return None if share is None else share * _UNIT_WORDS[match["unit"]]
    return _sum_of_parts(text)


def _sum_of_parts(text: str) -> Fraction | None:
    total, unit = Fraction(0), 0
    rest = text
    while match := _PART.match(rest):
        count = _count(match["count"])
        if count is None:
            return None
        unit = _UNIT_WORDS[match["unit"]]
        total += count * unit
        rest = rest[match.end() :].strip(" ,").removeprefix("and ").strip()
        if rest.startswith(("a half", "half")) and rest in ("a half", "half"):
            return total + Fraction(unit, 2)
        if rest in ("a quarter", "quarter"):
            return total + Fraction(unit, 4)
    if not unit:
        return None
    if not rest:
        return total
    tail = parse_number(rest)
    # "two hours thirty": a bare number after hours counts minutes.
    return total + tail * 60 if tail is not None and unit == 3600 and 0 < tail < 60 else None


def _count(text: str) -> Fraction | None:
    text = text.strip(" ,").removesuffix(" of").strip()
    if text in ("", "the"):
        return None
    if text in ("one and a half", "a and a half"):
        return Fraction(3, 2)
    return parse_number(text)


def duration_values(words: str, name: str, schema: Mapping[str, Any]) -> list[Any]:
    """What a parameter may hold for these words, most likely form first."""
    seconds = parse_duration(words)
    if "string" in _types(schema):
        return [] if seconds is None else [iso_duration(seconds), f"PT{_plain(seconds / 60)}M", f"PT{_plain(seconds)}S"]
    scale = SECONDS[unit_of(name, schema) or "seconds"]
    amount = parse_number(words) if seconds is None else seconds / scale
    return [] if amount is None else [plain_number(amount)]


def iso_duration(seconds: Fraction) -> str:
    """ISO 8601, as short as it goes: PT1H30M."""
    days, rest = divmod(seconds, 86400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    clock = "".join(f"{_plain(Fraction(v))}{u}" for v, u in ((hours, "H"), (minutes, "M"), (left, "S")) if v)
    date = f"{days}D" if days else ""
    return f"P{date}T{clock}" if clock else f"P{date}" if date else "PT0S"


def plain_number(value: Fraction) -> int | float:
    """An integer where it is one, else the nearest float."""
    return int(value) if value.denominator == 1 else float(value)


def _plain(value: Fraction) -> str:
    return str(plain_number(value))


def _types(schema: Mapping[str, Any]) -> tuple[str, ...]:
    named = schema.get("type", ())
    return (named,) if isinstance(named, str) else tuple(named)
