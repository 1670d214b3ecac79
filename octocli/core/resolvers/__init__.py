"""Words -> values: "half past six" to "18:30", "an hour and a half" to 90. Deterministic, and no clock of its own.

Every kind's reading gives candidates; the first that the schema takes is the value, or there is none.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from octocli.core.kinds import kind_of
from octocli.core.resolvers import german
from octocli.core.resolvers.amounts import money_values, number_values, phone_values
from octocli.core.resolvers.dates import parse_date, parse_moment
from octocli.core.resolvers.durations import duration_values
from octocli.core.resolvers.times import parse_time
from octocli.core.schemas import is_valid

__all__ = ["date_forms", "moment_forms", "resolve", "time_forms"]


def resolve(
    words: str, name: str, schema: Mapping[str, Any], now: dt.datetime | None, language: str = "en"
) -> Any | None:
    """The value that `words` mean for the parameter `name`, or None when they say none that its schema takes.

    The app's own language reads first: "1.500" is one and a half in English, and fifteen hundred in German. Another is
    asked only where it reads nothing, not where what it reads is out of the schema's bounds.
    """
    text = words.strip()
    if not text or len(text) > 200:
        return None
    readers = [_candidates, _german] if language == "en" else [_german, _candidates]
    for read in readers:
        try:
            found = read(text, name, schema, now)
        except (OverflowError, ValueError):
            continue
        if found:
            return next((value for value in found if is_valid(value, schema)), None)
    return None


def _candidates(words: str, name: str, schema: Mapping[str, Any], now: dt.datetime | None) -> list[Any]:
    kind = kind_of(name, schema)
    if kind == "time":
        time = parse_time(words, now)
        return [] if time is None else time_forms(time)
    if kind == "date":
        day = parse_date(words, now.date() if now else None)
        return [] if day is None else date_forms(day)
    if kind == "datetime":
        moment = parse_moment(words, now)
        return [] if moment is None else moment_forms(moment)
    if kind == "duration":
        return duration_values(words, name, schema)
    if kind == "money":
        return money_values(words)
    if kind == "phone":
        return phone_values(words)
    return number_values(words, name, schema) if kind in ("integer", "number") else []


def _german(words: str, name: str, schema: Mapping[str, Any], now: dt.datetime | None) -> list[Any]:
    """German readings as values of a parameter."""
    forms: list[Any] = []
    for found in german.candidates(words, kind_of(name, schema), name, schema, now):
        if isinstance(found, dt.datetime):
            forms += moment_forms(found)
        elif isinstance(found, dt.date):
            forms += date_forms(found)
        else:
            forms += time_forms(found) if isinstance(found, dt.time) else [found]
    return forms


def time_forms(time: dt.time) -> list[str]:
    """Ways to write a time of day, shortest first."""
    return [time.strftime("%H:%M"), time.strftime("%H:%M:%S"), time.strftime("%H:%M:%SZ")]


def date_forms(day: dt.date) -> list[str]:
    """Ways to write a day."""
    return [day.isoformat(), f"{day:%m/%d/%Y}", f"{day:%d.%m.%Y}"]


def moment_forms(moment: dt.datetime) -> list[str]:
    """Ways to write a day and time together."""
    plain = moment.strftime("%Y-%m-%dT%H:%M:%S")
    zone = moment.isoformat() if moment.tzinfo else f"{plain}Z"
    return [plain, zone, f"{plain}Z", moment.strftime("%Y-%m-%dT%H:%M"), moment.strftime("%Y-%m-%d %H:%M")]
