"""Counts, shares, money and phone numbers in words -> what a parameter may hold."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from octocli.core.resolvers.durations import plain_number
from octocli.core.resolvers.numbers import UNITS, clean, parse_number, parse_ordinal

_COUNTED = re.compile(
    r"(?:\s*(?:%|°[cf]?)|(?:(?<=\d)|\s)\s*(?:percent|per cent"
    r"|degrees?(?: (?:celsius|fahrenheit|centigrade|c|f))?|celsius|fahrenheit"
    r"|people|persons?|guests?|of us|of them|times|pieces?|copies|of|x|adults?|seats?|stars?|points?))$"
)
_LEADS = re.compile(r"^(?:(?:to|at|about|around|exactly|for|by|only|just|like|table for|number|channel)\s+)+")
_TOP = {"max", "maximum", "the max", "the maximum", "full", "highest", "the highest", "all the way up", "full blast"}
_BOTTOM = {"min", "minimum", "the min", "the minimum", "lowest", "the lowest", "all the way down"}
_SHARES = {
    "half": 50, "halfway": 50, "half way": 50, "quarter": 25, "a quarter": 25, "one quarter": 25,
    "three quarters": 75, "a third": 33, "two thirds": 66,
}  # fmt: skip
_CURRENCY = r"dollars?|bucks?|usd|euros?|eur|pounds?|quid|gbp|yen|rupees?|francs?"
_SMALL = r"cents?|pence|p"


def number_values(words: str, name: str, schema: Mapping[str, Any]) -> list[Any]:
    """What a numeric parameter may hold for these words."""
    text = _LEADS.sub("", clean(words))
    if text in _TOP and "maximum" in schema:
        return [schema["maximum"]]
    if text in _BOTTOM and "minimum" in schema:
        return [schema["minimum"]]
    if is_percent(name, schema) and text in _SHARES:
        return [_SHARES[text]]
    text = _COUNTED.sub("", text).strip()
    if text.endswith("k") and (thousands := parse_number(text[:-1])) is not None:
        return [plain_number(thousands * 1000)]
    number = parse_number(text)
    if number is None:
        ordinal = parse_ordinal(text)
        number = None if ordinal is None else Fraction(ordinal)
    return [] if number is None else [plain_number(number)]


def is_percent(name: str, schema: Mapping[str, Any]) -> bool:
    """Whether the parameter is a share from 0 to 100."""
    text = f"{name} {schema.get('description', '')}".lower()
    return bool(re.search(r"percent|per cent|prozent|%", text)) or (
        schema.get("minimum") == 0 and schema.get("maximum") == 100
    )


def money_values(words: str) -> list[Any]:
    """An amount of money; the currency is another parameter's affair."""
    text = re.sub(r"^[$€£¥]|[$€£¥]$", "", _LEADS.sub("", clean(words))).strip()
    if match := re.fullmatch(rf"(.+?) ?(?:{_CURRENCY})(?:,? (?:and )?(.+?) ?(?:{_SMALL})?)?", text):
        whole, small = parse_number(match[1]), parse_number(match[2]) if match[2] else Fraction(0)
        if whole is None or small is None or small >= 100:
            return []
        return [plain_number(whole + small / 100)]
    if match := re.fullmatch(rf"(.+?) ?(?:{_SMALL})", text):
        small = parse_number(match[1])
        return [] if small is None else [plain_number(small / 100)]
    if re.fullmatch(r"[\d.,]+k", text):
        text = str(float(text[:-1].replace(",", "")) * 1000)
    number = parse_number(text)
    return [] if number is None else [plain_number(number)]


def phone_values(words: str) -> list[Any]:
    """A phone number, digit by digit or as written."""
    text = clean(words)
    compact = re.sub(r"[\s().\-/]", "", text)
    if not re.fullmatch(r"\+?\d{3,15}", compact):
        compact = _spelled(text.replace("-", " ").split())
    if not compact:
        return []
    return [compact, text, f"+1{compact}", f"+{compact}"]


def _spelled(tokens: list[str]) -> str:
    digits, times = "", 1
    for token in tokens:
        if token in ("double", "triple"):
            times = 2 if token == "double" else 3
            continue
        digit = "+" if token == "plus" and not digits else "0" if token in ("oh", "o") else token
        if token in UNITS and UNITS[token] < 10:
            digit = str(UNITS[token])
        if not re.fullmatch(r"\+|\d+", digit):
            return ""
        digits, times = digits + digit * times, 1
    return digits if re.fullmatch(r"\+?\d{3,15}", digits) else ""
