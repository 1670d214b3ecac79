"""How Germans say numbers, times, dates, durations, money and phone numbers. Values in, surfaces out."""

import datetime as dt
import re
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from octocli.core.resolvers.german import MONTHS, TENS, UNITS, WEEKDAYS

_ORDINALS = {1: "erste", 3: "dritte", 7: "siebte", 8: "achte"}


@lru_cache(maxsize=4096)
def number_words(number: int) -> str:
    """An integer in one word: "zweiundzwanzig"."""
    if number < 0:
        return f"minus {number_words(-number)}"
    if number < 20:
        return UNITS[number]
    if number < 100:
        unit = "ein" if number % 10 == 1 else UNITS[number % 10]
        return (f"{unit}und" if number % 10 else "") + TENS[number // 10]
    scale, word = (100, "hundert") if number < 1000 else (1000, "tausend")
    lead, rest = number // scale, number % scale
    said = "" if lead == 1 else number_words(lead)
    return said + word + (number_words(rest) if rest else "")


def numbers(value: Any, *, percent: bool = False, low: Any = None, high: Any = None) -> list[str]:
    """Ways to say a number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return [str(value)]
    if isinstance(value, float) and not value.is_integer():
        whole, _, digits = f"{value}".partition(".")
        spelled = " ".join(UNITS[int(d)] for d in digits if d.isdigit())
        found = [f"{whole},{digits}", f"{number_words(int(whole))} Komma {spelled}"]
        return [*found, f"{number_words(int(whole))}einhalb"] if digits == "5" and int(whole) > 1 else found
    number = int(value)
    found = [str(number)] + ([number_words(number)] if abs(number) < 1_000_000 else [])
    if percent:
        found += {50: ["die Hälfte"]}.get(number, [])
        found += ["Maximum"] if number == high else []
    return found


def times(time: dt.time) -> list[str]:
    """Ways to say a time of day that need no clock, the ambiguous ones included."""
    hour, minute = time.hour, time.minute
    clock = [f"{hour:02d}:{minute:02d}", f"{hour}:{minute:02d} Uhr", f"{hour:02d}:{minute:02d} Uhr"]
    if minute == 0:
        clock += [f"{hour} Uhr", f"{hour} Uhr", f"{_before_clock(hour)} Uhr", f"{hour} Uhr"]
    else:
        clock += [
            f"{hour} Uhr {minute}",
            f"{_before_clock(hour)} Uhr {number_words(minute)}",
            f"{hour}.{minute:02d} Uhr",
        ]
    part = _part(hour)
    bare = _bare(time)
    clock += [f"{words} {part}" for words in bare]
    clock += [f"{hour % 12 or 12} Uhr {part}"] if minute == 0 else []
    return list(dict.fromkeys([*clock, *bare, *(["Mitternacht"] if hour == minute == 0 else [])]))


def _before_clock(hour: int) -> str:
    return "ein" if hour == 1 else "einundzwanzig" if hour == 21 else number_words(hour)


def _part(hour: int) -> str:
    for end, part in ((5, "nachts"), (9, "morgens"), (12, "vormittags"), (14, "mittags"), (18, "nachmittags")):
        if hour < end:
            return part
    return "abends" if hour < 23 else "nachts"


def _bare(time: dt.time) -> list[str]:
    """On the clock of twelve hours, as in "halb sieben"."""
    short, minute = time.hour % 12 or 12, time.minute
    hour, after = number_words(short), number_words(short % 12 + 1)
    if minute == 0:
        return [hour, str(short)]
    if minute == 30:
        return [f"halb {after}", f"halb {short % 12 + 1}"]
    if minute in (15, 45):
        return (
            [f"Viertel nach {hour}", f"viertel nach {short}"]
            if minute == 15
            else [f"Viertel vor {after}", f"dreiviertel {after}"]
        )
    if minute in (25, 35):
        return [f"fünf {'vor' if minute == 25 else 'nach'} halb {after}"]
    if minute % 5 == 0:
        return [f"{number_words(minute)} nach {hour}" if minute < 30 else f"{number_words(60 - minute)} vor {after}"]
    return []


def relative_times(time: dt.time, now: dt.datetime) -> list[str]:
    """A time as seen from `now`: "halb sieben", "in 20 Minuten", "heute Abend um acht"."""
    found = _bare(time)
    ahead = (time.hour * 60 + time.minute - now.hour * 60 - now.minute) % 1440
    if 0 < ahead <= 180 and (ahead % (5 if ahead <= 60 else 30) == 0 or ahead < 10):
        found += [f"in {words}" for words in durations(Fraction(ahead * 60))[:3]]
    if 18 <= time.hour < 23:
        found += [f"heute Abend um {words}" for words in _bare(time)[:1]]
    if 5 <= time.hour < 9:
        found += [f"morgen früh um {words}" for words in _bare(time)[:1]]
    return list(dict.fromkeys(found))


def _ordinal(number: int) -> str:
    """ "fünften", "zwanzigsten": after "am"."""
    stem = _ORDINALS.get(number, number_words(number) + ("te" if number < 20 else "ste"))
    return f"{stem}n"


def dates(day: dt.date) -> list[str]:
    """Ways to name a day with its year."""
    month = MONTHS[day.month - 1]
    return [
        day.isoformat(), f"{day.day}. {month} {day.year}", f"{day.day}.{day.month}.{day.year}",
        f"{day:%d.%m.%Y}", f"{_ordinal(day.day)} {month} {day.year}",
    ]  # fmt: skip


def relative_dates(day: dt.date, today: dt.date) -> list[str]:
    """Ways to say a day as seen from `today`."""
    month, ahead, weekday = MONTHS[day.month - 1], (day - today).days, WEEKDAYS[day.weekday()]
    found = {0: ["heute"], 1: ["morgen"], 2: ["übermorgen", "in zwei Tagen"]}.get(ahead, [])
    if 0 < ahead <= 7:
        found = [*found, weekday, f"diesen {weekday}"]
    if 1 < ahead < 14:
        found = [*found, f"nächsten {weekday}", f"in {number_words(ahead)} Tagen", f"in {ahead} Tagen"]
    if ahead == 7:
        found = [*found, "in einer Woche", "nächste Woche"]
    return [*found, f"{day.day}. {month}", f"{_ordinal(day.day)} {month}", f"{day.day}.{day.month}."]


def moments(moment: dt.datetime) -> list[str]:
    """Day and time with the year."""
    return [f"{day} um {time}" for day in dates(moment.date())[:3] for time in times(moment.time())[:5]]


def relative_moments(moment: dt.datetime, now: dt.datetime) -> list[str]:
    """Day and time as seen from `now`, in both orders."""
    clock = [t for t in times(moment.time()) if "Uhr" in t or t[:1].isdigit()]
    found = [
        words
        for index, day in enumerate(relative_dates(moment.date(), now.date())[:7])
        for time in clock[index % 2 :: 2][:4]
        for words in (f"{day} um {time}", f"um {time} {day}")
    ]
    minutes = int((moment - now.replace(tzinfo=None, second=0, microsecond=0)).total_seconds() // 60)
    if 0 < minutes <= 300:
        found += [f"in {words}" for words in durations(Fraction(minutes * 60))[:3]]
    return found


_UNITS = {"second": ("Sekunde", "Sekunden", "Sek"), "minute": ("Minute", "Minuten", "Min"),
          "hour": ("Stunde", "Stunden", "Std"), "day": ("Tag", "Tage", "Tage")}  # fmt: skip


def durations(seconds: Fraction) -> list[str]:
    """Ways to say a length of time."""
    total = int(seconds)
    days, hours, minutes, rest = total // 86400, total // 3600, total // 60, total % 60
    found: list[str] = []
    if rest and total < 600:
        found += _counted(total, "second") if total <= 120 else []
        if minutes:
            found += [f"{_one(minutes, 'minute')} und {_one(rest, 'second')}", f"{minutes} Min {rest} Sek"]
            found += ["anderthalb Minuten", "eineinhalb Minuten"] if total == 90 else []
    elif rest == 0 and total:
        if total <= 180 * 60 or total % 3600:
            found += _counted(minutes, "minute")
        if total % 3600 == 0 and hours <= 72:
            found += _counted(hours, "hour")
        found += _mixed(hours, minutes % 60) if hours and minutes % 60 else []
        if total % 86400 == 0:
            found = [*_counted(days, "day"), *(["eine Woche"] if days == 7 else []), *found]
    found += {1800: ["eine halbe Stunde", "ne halbe Stunde"], 900: ["eine Viertelstunde", "ne Viertelstunde"],
              2700: ["eine Dreiviertelstunde"]}.get(total, [])  # fmt: skip
    return list(dict.fromkeys(found or _counted(total, "second")))


def _mixed(hours: int, minutes: int) -> list[str]:
    found = [f"{_one(hours, 'hour')} und {_one(minutes, 'minute')}", f"{_one(hours, 'hour')} {minutes}"]
    if minutes == 30:
        found += (
            ["anderthalb Stunden", "eineinhalb Stunden"] if hours == 1 else [f"{number_words(hours)}einhalb Stunden"]
        )
    return [*found, f"{hours} Std {minutes} Min"]


def _counted(count: int, unit: str) -> list[str]:
    short = _UNITS[unit][2]
    words = [_one(count, unit), f"{count} {short}"]
    return words if count == 1 else [words[0], f"{number_words(count)} {_UNITS[unit][1]}", words[1]]


def _one(count: int, unit: str) -> str:
    one, several, _ = _UNITS[unit]
    return f"{'ein' if unit == 'day' else 'eine'} {one}" if count == 1 else f"{count} {several}"


def money(value: Any) -> list[str]:
    """Ways to say an amount of money; a bare number is one."""
    amount = float(value)
    whole, cents = int(amount), round((amount - int(amount)) * 100)
    if cents:
        return [f"{whole},{cents:02d}", f"{whole},{cents:02d} €", f"{whole},{cents:02d} Euro", f"{whole} Euro {cents}"]
    words = "ein" if whole == 1 else number_words(whole)
    return [f"{whole}", f"{whole} Euro", f"{whole} €", f"{words} Euro", f"{whole},00 €"]


def phones(value: str) -> list[str]:
    """Ways to write and to say a phone number."""
    digits = re.sub(r"\D", "", value)
    found = [value]
    if len(digits) > 6:
        found += [f"{digits[:4]} {digits[4:]}", f"{digits[:4]}/{digits[4:]}"]
    return found if value.startswith("+") else [*found, " ".join(UNITS[int(d)] for d in digits)]


def series(items: Sequence[str]) -> list[str]:
    """Ways to say several things in a row."""
    head, tail = ", ".join(items[:-1]), items[-1]
    return [f"{head} und {tail}" if head else tail, ", ".join(items), " und ".join(items)]
