"""Dates and moments in words: "next friday", "the 5th of june", "tomorrow at half past six".

Weekdays are the first such day after today; "next friday" is the friday of the calendar week after this one.
"""

import datetime as dt
import re

from octocli.core.resolvers.durations import parse_duration
from octocli.core.resolvers.numbers import clean, parse_ordinal
from octocli.core.resolvers.times import from_now, parse_clock, parse_time

MONTHS = {
    name: number
    for number, name in enumerate(
        "january february march april may june july august september october november december".split(), 1
    )
}
WEEKDAYS = {name: n for n, name in enumerate("monday tuesday wednesday thursday friday saturday sunday".split())}
_SHORT = {name[:3]: number for name, number in MONTHS.items()} | {"sept": 9}
_SHORT_DAYS = {name[:3]: number for name, number in WEEKDAYS.items()} | {"tues": 1, "thur": 3, "thurs": 3}
_OFFSETS = {
    "today": 0, "tonight": 0, "this morning": 0, "this afternoon": 0, "this evening": 0, "tomorrow": 1,
    "tomorrow morning": 1, "tomorrow afternoon": 1, "tomorrow evening": 1, "tomorrow night": 1, "yesterday": -1,
    "the day after tomorrow": 2, "day after tomorrow": 2, "the day before yesterday": -2, "tmrw": 1, "next week": 7,
    "a week today": 7, "a week from today": 7, "a week tomorrow": 8, "a week from tomorrow": 8,
}  # fmt: skip
HOLIDAYS = {
    "christmas": (12, 25), "christmas day": (12, 25), "christmas eve": (12, 24), "new year's eve": (12, 31),
    "new year's day": (1, 1), "new years eve": (12, 31), "halloween": (10, 31), "valentine's day": (2, 14),
    "valentines day": (2, 14),
}  # fmt: skip
_LEADS = re.compile(r"^(?:(?:on|for|by|this coming|this|coming|until|from|since)\s+)+")


def parse_date(words: str, today: dt.date | None) -> dt.date | None:
    """The day that `words` say, or None; relative words and dates without a year need `today`."""
    text = clean(words).replace(",", "")
    if (fixed := _written(text)) is not None:
        return fixed
    if today is not None and text in _OFFSETS:
        return today + dt.timedelta(days=_OFFSETS[text])
    text = _LEADS.sub("", text)
    if (named := _named(text, today)) is not None:
        return named
    return None if today is None else _relative(text, today)


def parse_moment(words: str, now: dt.datetime | None) -> dt.datetime | None:
    """Date and time together; a time alone is its next occurrence after `now`."""
    text = clean(words)
    if match := re.fullmatch(r"(\d{4}-\d\d-\d\d)[t ](\d\d:\d\d(?::\d\d)?)z?", text):
        return dt.datetime.fromisoformat(f"{match[1]}T{match[2]}")
    if now is not None and (moment := from_now(text, now)):
        return moment.replace(second=0, microsecond=0)
    today = now.date() if now else None
    tokens = text.replace(",", " ").split()
    for cut in range(1, len(tokens)):
        left, right = " ".join(tokens[:cut]), " ".join(tokens[cut:])
        for date_words, time_words in ((left, right), (right, left)):
            day = parse_date(date_words, today)
            if day and (time := _time_on(date_words, time_words)):
                return dt.datetime.combine(day, time)
    if now is None or (time := parse_time(text, now)) is None:
        return None
    moment = dt.datetime.combine(now.date(), time)
    return moment if moment > now.replace(tzinfo=None) else moment + dt.timedelta(days=1)


def _time_on(date_words: str, time_words: str) -> dt.time | None:
    """A time beside its day: "tomorrow evening" lends its evening, and `now` has no say."""
    part = re.search(r"(morning|afternoon|evening|night)$", date_words)
    if date_words == "tonight":
        time_words += " tonight"
    elif part and (clock := parse_clock(time_words)) and clock.open_half:
        time_words += " at night" if part[1] == "night" else f" in the {part[1]}"
    return parse_time(time_words, None)


def _written(text: str) -> dt.date | None:
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return dt.date.fromisoformat(text)
        if match := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", text):
            return dt.date(int(match[3]), int(match[1]), int(match[2]))
    except ValueError:
        return None
    return None


def _named(text: str, today: dt.date | None) -> dt.date | None:
    """A day and a month by name, with a year or the next one to come; or a holiday."""
    year: int | None = None
    if match := re.fullmatch(r"(.+) (\d{4})", text):
        text, year = match[1].strip(), int(match[2])
    if text in HOLIDAYS:
        return in_year(*HOLIDAYS[text], year, today)
    text = text.removeprefix("the ")
    if match := re.fullmatch(r"(\w+?)\.? (?:the )?([\w ]+)", text):
        month, day = MONTHS.get(match[1], _SHORT.get(match[1])), _day(match[2])
        if month and day:
            return in_year(month, day, year, today)
    if match := re.fullmatch(r"([\w ]+?) (?:of )?(\w+)", text):
        month, day = MONTHS.get(match[2], _SHORT.get(match[2])), _day(match[1])
        if month and day:
            return in_year(month, day, year, today)
    if today and year is None and (match := re.fullmatch(r"(\d{1,2})/(\d{1,2})", text)):
        return in_year(int(match[1]), int(match[2]), None, today)
    return None


def in_year(month: int, day: int, year: int | None, today: dt.date | None) -> dt.date | None:
    """That day of that year, or, without one, the next such day from `today` on; None where there is none."""
    if year is None and today is None:
        return None
    # The 29th of February may be eight years away, over a year such as 2100.
    years = [year] if year is not None else [today.year + ahead for ahead in range(9)] if today else []
    for candidate in years:
        try:
            found = dt.date(candidate, month, day)
        except ValueError:
            continue
        if year is not None or today is None or found >= today:
            return found
    return None


def _day(words: str) -> int | None:
    words = words.strip()
    number = int(words) if re.fullmatch(r"\d{1,2}", words) else parse_ordinal(words)
    return number if number is not None and 1 <= number <= 31 else None


def _relative(text: str, today: dt.date) -> dt.date | None:
    text, nexts = (text.removeprefix("next "), True) if text.startswith("next ") else (text, False)
    weekday = WEEKDAYS.get(text, _SHORT_DAYS.get(text))
    if weekday is None and text in ("weekend", "the weekend"):
        weekday = 5
    if weekday is not None:
        monday = today - dt.timedelta(days=today.weekday())
        if nexts:
            return monday + dt.timedelta(days=7 + weekday)
        return today + dt.timedelta(days=(weekday - today.weekday() - 1) % 7 + 1)
    if text.startswith("the ") and (day := parse_ordinal(text.removeprefix("the "))) and not nexts:
        return _next_day_of_month(day, today)
    length = None
    if text.startswith("in "):
        length = parse_duration(text.removeprefix("in ").removesuffix(" time").removesuffix("'"))
    elif match := re.fullmatch(r"(.+) from (?:now|today)", text):
        length = parse_duration(match[1])
    if length is None or length % 86400:
        return None
    return today + dt.timedelta(seconds=int(length))


def _next_day_of_month(day: int, today: dt.date) -> dt.date | None:
    year, month = today.year, today.month
    for _ in range(13):
        try:
            if (found := dt.date(year, month, day)) >= today:
                return found
        except ValueError:
            pass
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return None
